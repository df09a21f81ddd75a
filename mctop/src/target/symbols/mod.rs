//! Symbols of memcached's functions: from the binary itself, from the mini symbol table inside it, and from separate debug files.

mod debugdata;
mod rooted;
mod separate;
mod sources;

use object::{LittleEndian, elf};

pub(crate) use sources::{Sources, SymbolSearch};

use super::elf::Sections;
use crate::model::probe_point::FoundBy;

/// The function without which nothing can be traced.
const REQUIRED: &str = "do_item_get";
/// Only symbols whose names begin with one of these are kept.
const WANTED: [&str; 5] = [REQUIRED, "do_store_item", "do_add_delta", "process_command", "current_time"];

/// Suffixes, without their numbers, that compilers add to the names of bodies that they derive from a function.
const BODY_SUFFIXES: [&str; 5] = ["part", "lto_priv", "constprop", "isra", "llvm"];

/// A function symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// Name, with the suffixes of the compiler.
    pub name: String,
    /// Virtual address.
    pub address: u64,
    /// Size in bytes; 0 when unknown.
    pub size: u64,
}

impl Symbol {
    /// Whether it is the function with this name, or a body that the compiler derived from it: `name.part.0`,
    /// `name.lto_priv.0`, `name.constprop.0.isra.0`. A `name.cold` fragment is not a body, because nothing calls it.
    pub(crate) fn is_body_of(&self, function: &str) -> bool {
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
    pub(crate) fn has_other_arguments(&self) -> bool {
        self.name.contains(".constprop.") || self.name.contains(".isra.")
    }

    /// Whether it is a split-off body, which callers may reach without passing the function's own entry.
    pub(crate) fn is_split_body(&self) -> bool {
        self.name.contains(".part.")
    }
}

/// The wanted symbols of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbols {
    /// The kind of table.
    pub found_by: FoundBy,
    /// Functions, ordered by address.
    pub functions: Vec<Symbol>,
    /// Variables, ordered by address.
    pub variables: Vec<Symbol>,
}

impl Symbols {
    /// Reads the table of a type, `SHT_SYMTAB` or `SHT_DYNSYM`; `None` if there is none. Only [`WANTED`] symbols are kept.
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

    /// Whether the table has the function without which nothing can be traced.
    fn has_required(&self) -> bool {
        self.bodies(REQUIRED).next().is_some()
    }

    /// Bodies of a function, ordered by address.
    pub(crate) fn bodies<'a>(&'a self, function: &'a str) -> impl Iterator<Item = &'a Symbol> {
        self.functions.iter().filter(move |symbol| symbol.is_body_of(function))
    }

    /// Address of a variable, if there is exactly one with this name.
    pub(crate) fn variable(&self, name: &str) -> Option<u64> {
        let mut found = self.variables.iter().filter(|symbol| symbol.name == name);
        let first = found.next()?;
        found.next().is_none().then_some(first.address)
    }
}

#[cfg(test)]
mod tests;
