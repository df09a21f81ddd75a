//! Section headers, symbol tables and relocation tables. All lookups are bounded, because names and links are untrusted.

use object::elf::{self, Rela64, SectionHeader64, Sym64};
use object::read::elf::{FileHeader, NoteIterator, SectionHeader};
use object::{LittleEndian, Pod};

use super::{Image, LittleEndianHeader};

/// Files with more section headers are not read; a memcached with debug information has 40.
const SECTIONS_MAX: usize = 4096;
/// At most this many relocation tables are read; linkers write two.
const RELOCATION_TABLES_MAX: usize = 8;
/// At most this many symbols or relocations are read from one table; the largest memcached has a few thousand.
const ENTRIES_MAX: usize = 1 << 18;
/// Longest accepted name, in bytes.
const NAME_MAX: usize = 128;

/// A section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section<'a> {
    /// Virtual address.
    pub address: u64,
    /// Contents.
    pub bytes: &'a [u8],
}

/// A symbol table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SymbolTable<'a> {
    /// Its entries.
    pub symbols: &'a [Sym64<LittleEndian>],
    names: &'a [u8],
}

impl<'a> SymbolTable<'a> {
    /// The name of a symbol; `None` if it is empty, too long or not text.
    pub(crate) fn name(&self, symbol: &Sym64<LittleEndian>) -> Option<&'a str> {
        name_at(self.names, symbol.st_name.get(LittleEndian))
    }
}

/// A relocation table and the symbols it refers to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelocationTable<'a> {
    /// Its entries.
    pub relocations: &'a [Rela64<LittleEndian>],
    /// The symbols to which they refer; `None` in static programs.
    pub symbols: Option<SymbolTable<'a>>,
}

/// The section headers of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections<'a> {
    data: &'a [u8],
    headers: &'a [SectionHeader64<LittleEndian>],
    names: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Reads the section headers of an executable; `None` if they are stripped or damaged.
    pub(crate) fn read(image: &'a Image) -> Option<Self> {
        Self::parse(&image.data)
    }

    /// Reads the section headers of a 64-bit little-endian ELF file; `None` if they are stripped or damaged.
    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        let header = LittleEndianHeader::parse(data).ok()?;
        let headers = header.section_headers(LittleEndian, data).ok()?;
        if headers.len() > SECTIONS_MAX {
            return None;
        }
        let strings = usize::try_from(header.shstrndx(LittleEndian, data).ok()?).ok()?;
        let names = headers.get(strings)?.data(LittleEndian, data).ok()?;
        Some(Self { data, headers, names })
    }

    /// The first section with a name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Section<'a>> {
        let section =
            self.headers.iter().find(|section| name_at(self.names, section.sh_name(LittleEndian)) == Some(name))?;
        Some(Section { address: section.sh_addr(LittleEndian), bytes: section.data(LittleEndian, self.data).ok()? })
    }

    /// The note sections.
    pub(super) fn notes(&self) -> impl Iterator<Item = NoteIterator<'a, LittleEndianHeader>> {
        self.headers.iter().filter_map(|section| section.notes(LittleEndian, self.data).ok()?)
    }

    /// The first symbol table of a type: `SHT_SYMTAB` or `SHT_DYNSYM`.
    pub(crate) fn symbols(&self, kind: u32) -> Option<SymbolTable<'a>> {
        let section = self.headers.iter().find(|section| section.sh_type(LittleEndian) == kind)?;
        self.symbol_table(section)
    }

    /// The relocation tables with addends.
    pub(crate) fn relocations(&self) -> impl Iterator<Item = RelocationTable<'a>> {
        self.headers
            .iter()
            .filter(|section| section.sh_type(LittleEndian) == elf::SHT_RELA)
            .take(RELOCATION_TABLES_MAX)
            .filter_map(|section| {
                let relocations = self.entries(section)?;
                let linked = self.linked(section).filter(|section| section.sh_type(LittleEndian) != elf::SHT_NULL);
                Some(RelocationTable { relocations, symbols: linked.and_then(|linked| self.symbol_table(linked)) })
            })
    }

    fn symbol_table(&self, section: &SectionHeader64<LittleEndian>) -> Option<SymbolTable<'a>> {
        let names = self.linked(section)?.data(LittleEndian, self.data).ok()?;
        Some(SymbolTable { symbols: self.entries(section)?, names })
    }

    fn linked(&self, section: &SectionHeader64<LittleEndian>) -> Option<&'a SectionHeader64<LittleEndian>> {
        self.headers.get(usize::try_from(section.sh_link(LittleEndian)).ok()?)
    }

    fn entries<T: Pod>(&self, section: &SectionHeader64<LittleEndian>) -> Option<&'a [T]> {
        let entries: &[T] = section.data_as_array(LittleEndian, self.data).ok()?;
        entries.get(..entries.len().min(ENTRIES_MAX))
    }
}

/// The NUL-terminated name at an offset in a string table.
fn name_at(names: &[u8], offset: u32) -> Option<&str> {
    let rest = names.get(usize::try_from(offset).ok()?..)?;
    let length = rest.iter().take(NAME_MAX + 1).position(|&byte| byte == 0)?;
    str::from_utf8(rest.get(..length)?).ok().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded() {
        assert_eq!(name_at(b"\0memchr\0", 1), Some("memchr"));
        assert_eq!(name_at(b"\0memchr\0", 0), None);
        assert_eq!(name_at(b"\0memchr", 1), None);
        assert_eq!(name_at(b"\0memchr\0", 99), None);
        assert_eq!(name_at(&[b'a'; 4096], 0), None);
        assert_eq!(name_at(b"\xff\0", 0), None);
    }
}
