//! Names of imported functions, by the slots of the global offset table and the stubs that jump through them.

use std::collections::{HashMap, HashSet};

use iced_x86::Instruction;
use object::LittleEndian;
use object::elf;

use super::{Image, Sections};

/// Sections that contain `jmp *slot(%rip)` stubs.
const STUB_SECTIONS: [&str; 4] = [".plt", ".plt.sec", ".plt.got", ".iplt"];
/// Stubs are 8 or 16 bytes long and aligned to their length.
const STUB_STEP: usize = 8;
/// At most this many stub positions are examined in one section.
const STUBS_MAX: usize = 1 << 16;
/// Imports that do not return.
const NO_RETURN: [&str; 6] = ["__stack_chk_fail", "__assert_fail", "abort", "exit", "_exit", "__fortify_fail"];
/// `endbr64`, with which stubs begin if control-flow enforcement is enabled.
const ENDBR64: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];

/// The dynamic relocations of a file.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    slots: HashMap<u64, String>,
    names: HashSet<String>,
    stubs: HashMap<u64, String>,
    pointers: HashSet<u64>,
}

impl Imports {
    /// Reads the imports of a binary; a static binary has none.
    pub(crate) fn read(image: &Image) -> Self {
        let mut imports = Self::default();
        if let Some(sections) = Sections::read(image) {
            imports.read_relocations(&sections);
            imports.read_stubs(&sections);
        }
        imports
    }

    /// Name of the import that the stub at an address jumps to.
    pub(crate) fn by_stub(&self, address: u64) -> Option<&str> {
        self.stubs.get(&address).map(String::as_str)
    }

    /// Name of the import whose address is in the slot at an address.
    pub(crate) fn by_slot(&self, address: u64) -> Option<&str> {
        self.slots.get(&address).map(String::as_str)
    }

    /// Whether a call returns.
    pub(crate) fn returns(&self, call: &Instruction) -> bool {
        let name = if call.is_ip_rel_memory_operand() {
            self.by_slot(call.ip_rel_memory_address())
        } else {
            self.by_stub(call.near_branch_target())
        };
        name.is_none_or(|name| !NO_RETURN.contains(&name))
    }

    /// Whether nothing is imported, as in a static binary.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Addresses inside the binary that its data contains after relocation, such as function pointers.
    pub(crate) const fn pointers(&self) -> &HashSet<u64> {
        &self.pointers
    }

    fn read_relocations(&mut self, sections: &Sections<'_>) {
        for table in sections.relocations() {
            for relocation in table.relocations {
                if relocation.r_type(LittleEndian, false) == elf::R_X86_64_RELATIVE {
                    self.pointers.insert(relocation.r_addend.get(LittleEndian).cast_unsigned());
                    continue;
                }
                let symbol = usize::try_from(relocation.r_sym(LittleEndian, false)).ok();
                let name = table
                    .symbols
                    .zip(symbol)
                    .and_then(|(symbols, index)| symbols.symbols.get(index).and_then(|symbol| symbols.name(symbol)));
                if let Some(name) = name {
                    self.names.insert(name.to_owned());
                    self.slots.insert(relocation.r_offset.get(LittleEndian), name.to_owned());
                }
            }
        }
    }

    fn read_stubs(&mut self, sections: &Sections<'_>) {
        for section in STUB_SECTIONS.iter().filter_map(|name| sections.by_name(name)) {
            for start in (0..section.bytes.len()).step_by(STUB_STEP).take(STUBS_MAX) {
                let address = section.address.wrapping_add(start as u64);
                if let Some(import) = self.stub_target(address, section.bytes.get(start..).unwrap_or_default()) {
                    self.stubs.insert(address, import);
                }
            }
        }
    }

    /// The import that a stub at an address jumps to: `[endbr64] [bnd] jmp *slot(%rip)`.
    fn stub_target(&self, address: u64, stub: &[u8]) -> Option<String> {
        let skipped = if stub.starts_with(&ENDBR64) { ENDBR64.len() } else { 0 };
        let jump = skipped + usize::from(stub.get(skipped) == Some(&0xf2));
        let [0xff, 0x25, displacement @ ..] = stub.get(jump..jump + 6)? else { return None };
        let displacement = i32::from_le_bytes(displacement.try_into().ok()?);
        let next = address.wrapping_add((jump + 6) as u64);
        self.slots.get(&next.wrapping_add_signed(i64::from(displacement))).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_of_all_linkers() {
        let imports = Imports { slots: HashMap::from([(0x2000, "memchr".to_owned())]), ..Imports::default() };
        let stub = |prefix: &[u8]| {
            let displacement = 0x1000 - (prefix.len() as i32 + 6);
            [prefix, &[0xff, 0x25], &displacement.to_le_bytes()].concat()
        };
        for prefix in [&[][..], &[0xf2], &[0xf3, 0x0f, 0x1e, 0xfa], &[0xf3, 0x0f, 0x1e, 0xfa, 0xf2]] {
            assert_eq!(imports.stub_target(0x1000, &stub(prefix)).as_deref(), Some("memchr"), "{prefix:x?}");
        }
        assert_eq!(imports.stub_target(0x1008, &stub(&[])), None);
        assert_eq!(imports.stub_target(0x1000, &[0xff, 0x25, 0]), None);
    }
}
