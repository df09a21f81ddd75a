//! The least a uprobe can cost: a program of two instructions, `r0 = 0; exit`.

use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context, Result};
use aya::Ebpf;
use aya::programs::UProbe;
use aya::programs::uprobe::{UProbeAttachLocation, UProbeScope};
use object::write::{Object, Symbol, SymbolSection};
use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};

/// `mov64 r0, 0` and `exit` (include/uapi/linux/bpf.h: opcode, registers, offset, immediate).
const INSTRUCTIONS: [u8; 16] = [0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];

/// Attaches the program; it stays attached until the value is dropped.
pub fn attach(pid: NonZeroU32, image: &Path, offset: u64) -> Result<Ebpf> {
    let mut ebpf = Ebpf::load(&object()?).context("cannot load an empty eBPF object")?;
    let program: &mut UProbe = ebpf.program_mut("empty").context("the object has no program")?.try_into()?;
    program.load().context("cannot load an empty eBPF program")?;
    program
        .attach(UProbeAttachLocation::AbsoluteOffset(offset), image, UProbeScope::OneProcess(pid))
        .context("cannot attach an empty eBPF program")?;
    Ok(ebpf)
}

/// The program as the ELF file that aya loads.
fn object() -> Result<Vec<u8>> {
    let mut object = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let section = object.add_section(Vec::new(), b"uprobe".to_vec(), SectionKind::Text);
    let offset = object.append_section_data(section, &INSTRUCTIONS, 8);
    object.add_symbol(Symbol {
        name: b"empty".to_vec(),
        value: offset,
        size: INSTRUCTIONS.len() as u64,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    let license = object.add_section(Vec::new(), b"license".to_vec(), SectionKind::Data);
    object.append_section_data(license, b"Dual MIT/GPL\0", 1);
    object.write().context("cannot write an eBPF object")
}
