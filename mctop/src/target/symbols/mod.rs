//! Function symbols: of the binary itself, of the mini symbol table inside it, and of separate debug files.

mod debugdata;
mod rooted;
mod separate;
mod sources;

use object::{LittleEndian, elf};

pub use sources::{Found, Sources};

use super::elf::Sections;
use super::points::FoundBy;

/// The function that cannot be done without.
const REQUIRED: &str = "do_item_get";
/// What symbols are kept by: only those whose name begins with one of these.
const WANTED: [&str; 5] = [REQUIRED, "do_store_item", "do_add_delta", "process_command", "current_time"];

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

    /// Whether it is a clone for which the compiler may have moved or dropped arguments.
    #[must_use]
    pub fn has_other_arguments(&self) -> bool {
        self.name.contains(".constprop.") || self.name.contains(".isra.")
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
    /// Reads the table of a type, `SHT_SYMTAB` or `SHT_DYNSYM`; nothing when there is none. Only symbols whose name begins
    /// with a wanted one are kept.
    fn of_table(sections: &Sections<'_>, kind: u32, found_by: FoundBy) -> Option<Self> {
        let table = sections.symbols(kind)?;
        let mut symbols = Self { found_by, functions: Vec::new(), variables: Vec::new() };
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
            if WANTED.iter().any(|prefix| name.starts_with(prefix)) {
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

    /// Whether the function that cannot be done without is named.
    fn name_required(&self) -> bool {
        self.bodies(REQUIRED).next().is_some()
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

#[cfg(test)]
mod tests;
