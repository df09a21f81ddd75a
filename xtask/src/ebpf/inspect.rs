//! Inspects a built object: its programs, and whether it contains paths of the build machine.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};
use serde::{Deserialize, Serialize};

use super::stack;

/// Bytes of one BPF instruction slot (kernel documentation, "BPF Instruction Set Architecture").
const INSTRUCTION: u64 = 8;

/// The section that holds functions called by programs; everything else executable is a program.
const SUBPROGRAMS: &str = ".text";

/// A program of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectProgram {
    /// Instructions, before the verifier walks them.
    pub instructions: u64,
    /// Bytes of the stack; see [`stack::deepest`].
    pub stack_bytes: u64,
}

/// Contents of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// By name.
    pub programs: BTreeMap<String, ObjectProgram>,
    /// Of all functions that programs call, together.
    pub subprograms: u64,
}

/// Counts the instructions and the stack of each program.
pub fn instructions(object: &[u8]) -> Result<Instructions> {
    let file = object::File::parse(object).context("not an ELF object")?;
    let mut counted = Instructions::default();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        let Some(section) = symbol.section_index() else { continue };
        let section = file.section_by_index(section).context("a symbol names a section that is not there")?;
        if section.kind() != SectionKind::Text {
            continue;
        }
        let count = symbol.size() / INSTRUCTION;
        if section.name()? == SUBPROGRAMS {
            counted.subprograms += count;
        } else {
            let code =
                section.data_range(symbol.address(), symbol.size())?.context("a program lies outside its section")?;
            let program = ObjectProgram { instructions: count, stack_bytes: stack::deepest(code) };
            counted.programs.insert(symbol.name()?.to_owned(), program);
        }
    }
    if counted.programs.is_empty() {
        bail!("the object has no program");
    }
    Ok(counted)
}

/// Fails when the object contains a path of the machine it was built on: one of `paths`, or a home directory.
///
/// # Errors
/// Naming the path and the text around it.
pub fn refuse_leaks(object: &[u8], paths: &[&Path]) -> Result<()> {
    let homes = [Path::new("/root/"), Path::new("/home/")];
    for path in paths.iter().copied().chain(homes) {
        let needle = path.as_os_str().as_encoded_bytes();
        // The root directory would match every object.
        if needle.len() < 2 {
            continue;
        }
        if let Some(at) = object.windows(needle.len()).position(|window| window == needle) {
            let text = object[at..].iter().take(120).take_while(|byte| byte.is_ascii_graphic());
            let text: String = text.map(|&byte| char::from(byte)).collect();
            bail!("the object contains a path of this machine: {text}; the build must remap it");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_leaked_paths() {
        let checkout = Path::new("/srv/checkout");
        assert!(refuse_leaks(b"\0mctop/src/main.rs\0registry/aya\0", &[checkout]).is_ok());
        let error = refuse_leaks(b"\0/srv/checkout/mctop-ebpf/src/main.rs\0", &[checkout]).unwrap_err();
        assert!(error.to_string().contains("/srv/checkout/mctop-ebpf/src/main.rs;"), "{error}");
        assert!(refuse_leaks(b"xx/home/someone/.cargo\0", &[]).is_err());
        assert!(refuse_leaks(b"a/b", &[Path::new("/")]).is_ok());
    }

    #[test]
    fn refuses_what_is_not_an_object() {
        assert!(instructions(b"not an object").is_err());
    }
}
