//! Removes debug information from an eBPF object but keeps its BTF.
//!
//! Done here instead of with `llvm-objcopy`, so that the bytes do not depend on one more tool.

use anyhow::{Context, Result, bail};
use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;
use object::{Object, ObjectSection};

/// The object without its `.debug_*` sections, their relocations and symbols.
pub fn debug(object: &[u8]) -> Result<Vec<u8>> {
    let compiled = object::File::parse(object).context("the compiler's output is not an ELF object")?;
    if compiled.section_by_name(".BTF").is_none_or(|btf| btf.size() == 0) {
        bail!("the object carries no BTF; the linker must be called with --btf, and the build with debug information");
    }
    let mut elf = Builder::read(object).context("cannot take the object apart")?;
    for section in &mut elf.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug_") || name.starts_with(b".rel.debug_");
    }
    elf.delete_orphans();
    // LLVM keeps the names of sections and symbols in one table, which the writer does not support.
    if !elf.sections.iter().any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = elf.sections.add();
        names.name = b".shstrtab"[..].into();
        names.sh_type = SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let mut stripped = Vec::new();
    elf.write(&mut stripped).context("cannot write the stripped object")?;
    Ok(stripped)
}
