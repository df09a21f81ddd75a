//! Names behind calls that leave the binary: global offset table slots and the stubs that jump through them.

use std::collections::{HashMap, HashSet};

use object::elf;
use object::read::elf::{Rela, SectionHeader, Sym};
use object::{LittleEndian, SectionIndex};

use super::Image;

/// Sections that hold `jmp *slot(%rip)` stubs.
const STUB_SECTIONS: [&str; 4] = [".plt", ".plt.sec", ".plt.got", ".iplt"];
/// `endbr64`, with which stubs begin under control-flow enforcement.
const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// Most relocations that are read; the largest memcached has some thousands.
const RELOCATIONS_MAX: usize = 1 << 20;
/// Longest import name that is kept, in bytes.
const NAME_MAX: usize = 128;

/// The dynamic relocations of a file.
#[derive(Debug, Default)]
pub struct Imports {
    slots: HashMap<u64, String>,
    stubs: HashMap<u64, String>,
    pointers: HashSet<u64>,
}

impl Imports {
    /// Reads them; a static binary has none.
    #[must_use]
    pub fn read(image: &Image) -> Self {
        let mut imports = Self::default();
        imports.read_relocations(image);
        imports.read_stubs(image);
        imports
    }

    /// Name of the import that the stub at an address jumps to.
    #[must_use]
    pub fn by_stub(&self, address: u64) -> Option<&str> {
        self.stubs.get(&address).map(String::as_str)
    }

    /// Name of the import whose address the slot at an address holds.
    #[must_use]
    pub fn by_slot(&self, address: u64) -> Option<&str> {
        self.slots.get(&address).map(String::as_str)
    }

    /// Whether a name is imported.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.slots.values().any(|import| import == name)
    }

    /// Addresses inside the binary that its data holds after relocation: function pointers among them.
    #[must_use]
    pub const fn pointers(&self) -> &HashSet<u64> {
        &self.pointers
    }

    fn read_relocations(&mut self, image: &Image) {
        let Some(sections) = image.sections() else { return };
        for section in sections.iter() {
            let Ok(Some((relocations, link))) = section.rela(LittleEndian, image.data()) else { continue };
            let symbols = (link != SectionIndex(0))
                .then(|| sections.symbol_table_by_index(LittleEndian, image.data(), link).ok())
                .flatten();
            for relocation in relocations.iter().take(RELOCATIONS_MAX) {
                let kind = relocation.r_type(LittleEndian, false);
                if kind == elf::R_X86_64_RELATIVE {
                    self.pointers.insert(relocation.r_addend(LittleEndian).cast_unsigned());
                    continue;
                }
                let name = symbols
                    .as_ref()
                    .zip(relocation.symbol(LittleEndian, false))
                    .and_then(|(table, index)| table.symbol(index).ok()?.name(LittleEndian, table.strings()).ok())
                    .filter(|name| !name.is_empty() && name.len() <= NAME_MAX);
                if let Some(name) = name {
                    let name = String::from_utf8_lossy(name).into_owned();
                    self.slots.insert(relocation.r_offset(LittleEndian), name);
                }
            }
        }
    }

    fn read_stubs(&mut self, image: &Image) {
        let Some(sections) = image.sections() else { return };
        for name in STUB_SECTIONS {
            let Some((base, code)) = image.section(&sections, name) else { continue };
            // Stubs are 8 or 16 bytes long and aligned to their length.
            for (index, stub) in code.chunks(8).enumerate() {
                let address = base.wrapping_add(8 * index as u64);
                let skipped = if stub.starts_with(&ENDBR64) { ENDBR64.len() } else { 0 };
                // The jump behind `endbr64` may reach into the next 8 bytes.
                let Some(rest) = code.get(8 * index + skipped..) else { continue };
                let jump = if rest.first() == Some(&0xf2) { 1 } else { 0 };
                let Some([0xff, 0x25, displacement @ ..]) = rest.get(jump..jump + 6) else { continue };
                let Ok(displacement) = <[u8; 4]>::try_from(displacement) else { continue };
                let next = address.wrapping_add((skipped + jump + 6) as u64);
                let slot = next.wrapping_add_signed(i64::from(i32::from_le_bytes(displacement)));
                if let Some(import) = self.slots.get(&slot) {
                    self.stubs.insert(address, import.clone());
                }
            }
        }
    }
}
