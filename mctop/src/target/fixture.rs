//! Binaries for tests: listings of machine code, and the memcached that is installed.

use std::path::PathBuf;

use super::code::{Body, Range};
use super::elf::Image;

/// Where the code of a listing lies.
pub const CODE: u64 = 0x1000;
/// Where a writable segment lies, of one page.
pub const DATA: u64 = 0x8000;

/// The bytes of a listing: one instruction a line, in hexadecimal before a semicolon.
pub fn bytes(listing: &str) -> Vec<u8> {
    listing
        .lines()
        .filter_map(|line| line.split(';').next())
        .flat_map(str::split_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// An executable of one segment of code at [`CODE`] and one of zeros at [`DATA`].
pub fn image(code: &[u8]) -> Image {
    const HEADERS: usize = 64 + 2 * 56;
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    file.extend(CODE.to_le_bytes());
    file.extend(64u64.to_le_bytes());
    file.extend(0u64.to_le_bytes());
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 64, 0, 0, 0, 0, 0]);
    let mut segment = |flags: u32, offset: u64, address: u64, file_size: u64, memory_size: u64| {
        file.extend(1u32.to_le_bytes());
        file.extend(flags.to_le_bytes());
        for value in [offset, address, address, file_size, memory_size, 0x1000] {
            file.extend(value.to_le_bytes());
        }
    };
    segment(5, HEADERS as u64, CODE, code.len() as u64, code.len() as u64);
    segment(6, 0, DATA, 0, 0x1000);
    file.extend(code);
    Image::parse(file).unwrap()
}

/// A listing as one function.
pub fn body(listing: &str) -> Body {
    let code = bytes(listing);
    let range = Range { start: CODE, end: CODE + code.len() as u64 };
    Body::decode(&image(&code), &[range]).unwrap()
}

/// The memcached of this system, which tests of whole binaries need.
pub fn memcached() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join("memcached"));
    candidates.find(|candidate| candidate.is_file()).expect("this test needs memcached to be installed")
}
