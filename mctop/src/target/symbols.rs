//! Function symbols of the binary itself.

use object::{LittleEndian, elf};

use super::elf::{Image, Sections};
use super::points::FoundBy;

/// Suffixes compilers give to the bodies they derive from a function, without their number.
const BODY_SUFFIXES: [&str; 5] = ["part", "lto_priv", "constprop", "isra", "llvm"];

/// A function symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Name, with the suffixes of the compiler.
    pub name: String,
    /// Virtual address.
    pub address: u64,
    /// Size in bytes; 0 when unknown.
    pub size: u64,
}

impl Symbol {
    /// Whether it is the function of that name, or a body that the compiler derived from it: `name.part.0`,
    /// `name.lto_priv.0`, `name.constprop.0.isra.0`. A `name.cold` fragment is not: nothing calls it.
    #[must_use]
    pub fn is_body_of(&self, function: &str) -> bool {
        let Some(rest) = self.name.strip_prefix(function) else { return false };
        rest.is_empty()
            || rest.strip_prefix('.').is_some_and(|suffixes| {
                suffixes.split('.').all(|part| {
                    BODY_SUFFIXES.contains(&part)
                        || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
                })
            })
    }

    /// Whether it is a body that was split off, which callers may reach without going through the function's own entry.
    #[must_use]
    pub fn is_split_body(&self) -> bool {
        self.name.contains(".part.")
    }
}

/// Symbols of one table that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbols {
    /// Which table.
    pub found_by: FoundBy,
    /// Functions, by address.
    pub functions: Vec<Symbol>,
    /// Variables, by address.
    pub variables: Vec<Symbol>,
}

impl Symbols {
    /// Reads the first table that defines one of the `wanted` functions, in the order of [`FoundBy`]. Only symbols whose
    /// name begins with a wanted one are kept.
    #[must_use]
    pub fn read(image: &Image, wanted: &[&str]) -> Option<Self> {
        [(elf::SHT_SYMTAB, FoundBy::Symtab), (elf::SHT_DYNSYM, FoundBy::Dynsym)]
            .into_iter()
            .filter_map(|(kind, found_by)| read_table(image, kind, found_by, wanted))
            .find(|symbols| !symbols.functions.is_empty())
    }

    /// Bodies of a function, by address.
    pub fn bodies<'a>(&'a self, function: &'a str) -> impl Iterator<Item = &'a Symbol> {
        self.functions.iter().filter(move |symbol| symbol.is_body_of(function))
    }

    /// Address of a variable, when there is exactly one of that name.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<u64> {
        let mut found = self.variables.iter().filter(|symbol| symbol.name == name);
        let first = found.next()?;
        found.next().is_none().then_some(first.address)
    }
}

fn read_table(image: &Image, kind: u32, found_by: FoundBy, wanted: &[&str]) -> Option<Symbols> {
    let table = Sections::read(image)?.symbols(kind)?;
    let mut symbols = Symbols { found_by, functions: Vec::new(), variables: Vec::new() };
    for symbol in table.symbols {
        if symbol.st_shndx.get(LittleEndian) == elf::SHN_UNDEF {
            continue;
        }
        let list = match symbol.st_type() {
            elf::STT_FUNC => &mut symbols.functions,
            elf::STT_OBJECT => &mut symbols.variables,
            _ => continue,
        };
        let Some(name) = table.name(symbol) else { continue };
        if wanted.iter().any(|prefix| name.starts_with(prefix)) {
            list.push(Symbol {
                name: name.to_owned(),
                address: symbol.st_value.get(LittleEndian),
                size: symbol.st_size.get(LittleEndian),
            });
        }
    }
    symbols.functions.sort_by_key(|symbol| symbol.address);
    symbols.variables.sort_by_key(|symbol| symbol.address);
    Some(symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_of_a_function() {
        let is_body = |name: &str| Symbol { name: name.into(), address: 0, size: 0 }.is_body_of("process_command");
        for name in [
            "process_command",
            "process_command.part.0",
            "process_command.lto_priv.0",
            "process_command.constprop.0.isra.0",
            "process_command.llvm.1234567890",
        ] {
            assert!(is_body(name), "{name}");
        }
        for name in ["process_command.cold", "process_command.part.0.cold", "process_command_ascii", "process_command."]
        {
            assert!(!is_body(name), "{name}");
        }
    }
}
