//! Copies of a memcached that are truncated or damaged.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use object::{Object, ObjectSection};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Control;

/// The seed of random damage, which is the same in every run.
const SEED: u64 = 11_211;

/// Offsets in the header of a 64-bit ELF file (System V ABI, "ELF Header").
mod header {
    pub const CLASS: usize = 4;
    pub const MACHINE: usize = 18;
    pub const PROGRAM_HEADERS: usize = 32;
    pub const PROGRAM_HEADER_COUNT: usize = 56;
    /// Of the header itself; program headers follow it in what linkers write.
    pub const SIZE: usize = 64;
    /// Of a program header.
    pub const PROGRAM_HEADER_SIZE: usize = 56;
}

/// Offsets in a program header (System V ABI, "Program Header").
mod segment {
    pub const OFFSET: usize = 8;
    pub const ADDRESS: usize = 16;
    pub const FILE_SIZE: usize = 32;
}

/// Writes the copies, and some files that were never programs.
pub fn copies(memcached: &Path, below: &Path) -> Result<Vec<Control>> {
    let whole = fs::read(memcached).with_context(|| format!("cannot read {}", memcached.display()))?;
    let mut copies = truncated(&whole);
    copies.extend(headers(&whole));
    copies.extend(contents(&whole)?);
    copies.push(("its text without its program".into(), strings(&whole)));
    copies.push(("a script".into(), b"#!/bin/sh\nexec /usr/bin/memcached \"$@\"\n".to_vec()));
    fs::create_dir_all(below).with_context(|| format!("cannot create {}", below.display()))?;
    let mut controls = Vec::new();
    for (index, (name, bytes)) in copies.into_iter().enumerate() {
        let file = below.join(format!("{index:02}"));
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        controls.push(Control { name, file });
    }
    for path in ["/dev/zero", "/proc", "/nonexistent"] {
        controls.push(Control { name: path.into(), file: path.into() });
    }
    Ok(controls)
}

type Copies = Vec<(String, Vec<u8>)>;

fn truncated(whole: &[u8]) -> Copies {
    let lengths = [0, 3, header::SIZE - 1, header::SIZE, 4096, whole.len() / 4, whole.len() / 2, whole.len() / 4 * 3];
    lengths.iter().map(|&length| (format!("cut off after {length} bytes"), whole[..length].to_vec())).collect()
}

/// Damage to the headers: each is one number.
fn headers(whole: &[u8]) -> Copies {
    let numbers: [(&str, usize, &[u8]); 7] = [
        ("no ELF magic", 0, b"\0"),
        ("32 bits", header::CLASS, &[1]),
        ("another architecture", header::MACHINE, &[183, 0]),
        ("program headers far behind the end", header::PROGRAM_HEADERS, &[0xff; 8]),
        ("program headers inside the text", header::PROGRAM_HEADERS, &[0, 0x80, 0, 0, 0, 0, 0, 0]),
        ("no program headers", header::PROGRAM_HEADER_COUNT, &[0, 0]),
        ("65534 program headers", header::PROGRAM_HEADER_COUNT, &[0xfe, 0xff]),
    ];
    let mut copies: Copies =
        numbers.iter().map(|(name, offset, bytes)| ((*name).to_owned(), overwritten(whole, *offset, bytes))).collect();
    let fields: [(&str, usize, &[u8]); 4] = [
        ("segments that begin behind the end", segment::OFFSET, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("segments larger than the file", segment::FILE_SIZE, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        ("segments without contents", segment::FILE_SIZE, &[0; 8]),
        ("segments that wrap around the address space", segment::ADDRESS, &[0xff; 8]),
    ];
    for (name, offset, bytes) in fields {
        let mut copy = whole.to_vec();
        let count = usize::from(u16::from_le_bytes([
            whole[header::PROGRAM_HEADER_COUNT],
            whole[header::PROGRAM_HEADER_COUNT + 1],
        ]));
        for index in 0..count {
            copy = overwritten(&copy, header::SIZE + index * header::PROGRAM_HEADER_SIZE + offset, bytes);
        }
        copies.push((name.into(), copy));
    }
    copies
}

/// Damage to code, constants and unwind tables.
fn contents(whole: &[u8]) -> Result<Copies> {
    let mut copies = Copies::new();
    for (section, name, byte) in [
        (".eh_frame", "unwind tables of zeros", 0),
        (".eh_frame", "unwind tables of ones", 0xff),
        (".text", "code of zeros", 0),
        (".text", "code of breakpoints", 0xcc),
        (".rodata", "constants of zeros", 0),
    ] {
        let mut copy = whole.to_vec();
        copy[section_range(whole, section)?].fill(byte);
        copies.push((name.into(), copy));
    }
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    for (section, name) in [(".text", "random code"), (".eh_frame", "random unwind tables")] {
        let mut copy = whole.to_vec();
        random.fill(&mut copy[section_range(whole, section)?]);
        copies.push((name.into(), copy));
    }
    let mut copy = whole.to_vec();
    copy[section_range(whole, ".text")?].iter_mut().step_by(16).for_each(|byte| *byte = !*byte);
    copies.push(("every 16th byte of code inverted".into(), copy));
    let mut copy = whole.to_vec();
    random.fill(&mut copy[header::SIZE..]);
    copies.push(("random bytes behind the header".into(), copy));
    Ok(copies)
}

fn section_range(whole: &[u8], name: &str) -> Result<Range<usize>> {
    let elf = object::File::parse(whole).context("the memcached to damage is not ELF")?;
    let section = elf.section_by_name(name).with_context(|| format!("the memcached to damage has no {name}"))?;
    let (start, size) = section.file_range().with_context(|| format!("{name} is not in the file"))?;
    Ok(usize::try_from(start)?..usize::try_from(start + size)?)
}

fn overwritten(whole: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut copy = whole.to_vec();
    copy[offset..offset + bytes.len()].copy_from_slice(bytes);
    copy
}

/// All texts of at least four characters, as strings(1) finds them.
fn strings(whole: &[u8]) -> Vec<u8> {
    let texts = whole.split(|byte| !byte.is_ascii_graphic() && *byte != b' ').filter(|text| text.len() >= 4);
    texts.flat_map(|text| text.iter().copied().chain([0])).collect()
}
