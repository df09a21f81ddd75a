//! Files that contain the symbols of another file: separate debug files and mini symbol tables.

use object::LittleEndian;
use object::elf;
use object::read::elf::FileHeader;

use super::{Image, LittleEndianHeader, Sections, build_id};

/// Longest accepted file name in a `.gnu_debuglink`, in bytes: the longest that file systems allow.
const NAME_MAX: usize = 255;

/// An ELF file of which only the symbols are read. Its segments describe contents that it does not have.
#[derive(Debug)]
pub(crate) struct DebugFile {
    data: Vec<u8>,
    machine: u16,
}

impl DebugFile {
    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be used, as a clause.
    pub(crate) fn parse(data: Vec<u8>) -> Result<Self, String> {
        let parts = (data.get(..4), data.get(4), data.get(5));
        if parts != (Some(&elf::ELFMAG), Some(&elf::ELFCLASS64), Some(&elf::ELFDATA2LSB)) {
            return Err("it is not a 64-bit little-endian ELF file".into());
        }
        let header = LittleEndianHeader::parse(data.as_slice())
            .map_err(|error| format!("its ELF header is damaged ({error})"))?;
        let machine = header.e_machine(LittleEndian);
        Ok(Self { data, machine })
    }

    /// Its section headers; `None` if they are damaged.
    pub(crate) fn sections(&self) -> Option<Sections<'_>> {
        Sections::parse(&self.data)
    }

    /// The GNU build-id in hexadecimal, from its sections.
    pub(crate) fn build_id(&self) -> Option<String> {
        build_id(self.sections()?.notes())
    }

    /// Its CRC-32, which a `.gnu_debuglink` to it must contain.
    pub(crate) fn checksum(&self) -> u32 {
        crc32fast::hash(&self.data)
    }

    /// Whether it has the same machine type as an executable.
    pub(crate) fn same_machine(&self, image: &Image) -> bool {
        LittleEndianHeader::parse(image.data.as_slice())
            .is_ok_and(|header| header.e_machine(LittleEndian) == self.machine)
    }
}

/// What an executable says about its separate debug file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DebugLink {
    /// Its file name, without a directory.
    pub name: String,
    /// Its CRC-32.
    pub checksum: u32,
}

impl DebugLink {
    /// Reads the section's contents: a file name, zeros up to a multiple of four bytes, and the checksum.
    pub(super) fn parse(section: &[u8]) -> Option<Self> {
        let length = section.iter().take(NAME_MAX + 1).position(|&byte| byte == 0)?;
        let name = str::from_utf8(section.get(..length)?).ok()?;
        let plain = !matches!(name, "" | "." | "..") && !name.contains('/');
        let at = (length + 1).next_multiple_of(4);
        let checksum = u32::from_le_bytes(section.get(at..at + 4)?.try_into().ok()?);
        plain.then(|| Self { name: name.to_owned(), checksum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_links() {
        let link = |name: &str| DebugLink::parse(&[name.as_bytes(), &[1, 2, 3, 4]].concat());
        let expected = |name: &str| Some(DebugLink { name: name.into(), checksum: 0x0403_0201 });
        assert_eq!(link("abc\0"), expected("abc"));
        assert_eq!(link("memcached.debug\0"), expected("memcached.debug"));
        assert_eq!(link("abcd\0\0\0\0"), expected("abcd"));
        for name in ["\0\0\0\0", "..\0\0", "../a\0\0\0\0", "/etc/shadow\0", "abcd\0", "abc"] {
            assert_eq!(link(name), None, "{name:?}");
        }
        assert_eq!(DebugLink::parse(b"\xff\xff\xff\0\0\0\0\0"), None);
        assert_eq!(DebugLink::parse(&[b'a'; 4096]), None);
        assert_eq!(DebugLink::parse(&[]), None);
    }
}
