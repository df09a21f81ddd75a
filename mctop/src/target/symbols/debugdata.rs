//! Reads `.gnu_debugdata` ("MiniDebugInfo"): an xz-compressed ELF file with the function symbols that are not in `.dynsym`. Fedora
//! and RHEL keep it in stripped binaries.

use std::io::Read;
use std::num::NonZeroUsize;

use xz4rust::{XzDecoder, XzReader};

use crate::target::elf::{DebugFile, Image, Sections};

/// Limit for the decompressed size in bytes; the mini symbol table of memcached has some tens of kilobytes.
const DECOMPRESSED_MAX: u64 = 256 << 20;
/// Largest dictionary that is allocated, in bytes: what `xz -9` uses.
const DICTIONARY_MAX: usize = 64 << 20;
/// Initial size of the dictionary, in bytes.
const DICTIONARY_MIN: usize = 1 << 16;
/// Size of the input buffer, in bytes.
const BUFFER: NonZeroUsize = NonZeroUsize::new(1 << 14).unwrap();

/// Reads the embedded ELF file.
///
/// # Errors
/// That there is none, or why it cannot be used, as a clause.
pub(super) fn read(image: &Image) -> Result<DebugFile, String> {
    let section = Sections::read(image).and_then(|sections| sections.by_name(".gnu_debugdata"));
    let bytes = decompress(section.ok_or("there is none")?.bytes, DECOMPRESSED_MAX)?;
    DebugFile::parse(bytes)
}

fn decompress(compressed: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let decoder = XzDecoder::in_heap_with_alloc_dict_size(DICTIONARY_MIN, DICTIONARY_MAX);
    // The reader needs an owned, `'static` input.
    let input = std::io::Cursor::new(compressed.to_vec());
    let mut bytes = Vec::new();
    XzReader::new_with_buffer_size_and_decoder(input, BUFFER, decoder)
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("it cannot be decompressed ({error})"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("it decompresses to more than {} MiB", limit >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `printf 'mini symbol table' | xz`.
    const XZ: &[u8] = include_bytes!("testdata/text.xz");
    /// `head -c 8M /dev/zero | xz -9`: 1.4 kB that decompress to 8 MiB.
    const BOMB: &[u8] = include_bytes!("testdata/bomb.xz");

    #[test]
    fn decompresses() {
        assert_eq!(decompress(XZ, 100).unwrap(), b"mini symbol table");
    }

    #[test]
    fn a_bomb_is_refused() {
        assert!(decompress(XZ, 5).unwrap_err().contains("more than"));
        assert!(decompress(BOMB, 1 << 20).unwrap_err().contains("more than 1 MiB"));
    }

    #[test]
    fn truncated_at_any_byte() {
        for length in 0..XZ.len() {
            assert!(decompress(&XZ[..length], 100).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
            let mut bytes = XZ.to_vec();
            for (index, value) in flips {
                let index = index.index(bytes.len());
                bytes[index] = value;
            }
            let _ = decompress(&bytes, 1 << 16);
        }
    }
}
