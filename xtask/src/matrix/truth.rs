//! The symbol table: the truth that probe points are compared with.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSymbol, SymbolKind};

use super::resolution::{Resolution, ResolvedPoint};

/// memcached's functions for a text request, by version and compiler.
const COMMAND_FUNCTIONS: [&str; 5] =
    ["process_command", "process_command_ascii", "try_read_command_ascii", "try_read_command", "drive_machine"];

/// The function that looks keys up for storage commands, or one that it is inlined into.
const STORE_FUNCTIONS: [&str; 2] = ["do_store_item", "store_item"];

/// The function that logs evictions, or one that it is inlined into.
const EVICTION_FUNCTIONS: [&str; 2] = ["lru_pull_tail", "slab_rebalance_thread"];

/// The function that looks keys up for incr and decr, or one that it is inlined into.
const DELTA_FUNCTIONS: [&str; 2] = ["do_add_delta", "add_delta"];

/// A function or variable.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TrueSymbol {
    name: String,
    address: u64,
    size: u64,
}

/// The symbols of a binary.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    functions: Vec<TrueSymbol>,
    variables: Vec<TrueSymbol>,
}

impl Truth {
    /// Reads a symbol table.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let elf = object::File::parse(&*bytes).with_context(|| format!("cannot parse {}", file.display()))?;
        let mut truth = Self::default();
        for symbol in elf.symbols().filter(|symbol| symbol.is_definition()) {
            let list = match symbol.kind() {
                SymbolKind::Text => &mut truth.functions,
                SymbolKind::Data => &mut truth.variables,
                _ => continue,
            };
            let name = symbol.name().unwrap_or_default().to_owned();
            list.push(TrueSymbol { name, address: symbol.address(), size: symbol.size() });
        }
        if truth.functions.is_empty() {
            bail!("{} has no symbols", file.display());
        }
        Ok(truth)
    }

    /// The function at an address, without a compiler's suffix, and the offset in it.
    #[must_use]
    pub fn function_at(&self, address: u64) -> Option<(&str, u64)> {
        let inside = |symbol: &&TrueSymbol| address.wrapping_sub(symbol.address) < symbol.size;
        let symbol = self.functions.iter().find(inside)?;
        Some((base(&symbol.name), address - symbol.address))
    }

    /// Everything in a resolution that the symbols contradict.
    #[must_use]
    pub fn contradictions(&self, found: &Resolution) -> Vec<String> {
        let mut contradictions = Vec::new();
        for point in &found.lookups {
            self.check(point.address, &["do_item_get"], "a lookup probe", &mut contradictions);
            for (operand, functions) in [("store_returns", STORE_FUNCTIONS), ("delta_returns", DELTA_FUNCTIONS)] {
                for address in addresses(point, operand) {
                    // Behind a call that does not return, it may be the address after the function.
                    self.check(address.wrapping_sub(1), &functions, operand, &mut contradictions);
                }
            }
        }
        for point in &found.commands {
            self.check(point.address, &COMMAND_FUNCTIONS, "a command probe", &mut contradictions);
            self.check(point.address, &[&point.function], "a command probe", &mut contradictions);
        }
        for point in &found.events {
            let functions = if point.kind == "eviction" { EVICTION_FUNCTIONS } else { STORE_FUNCTIONS };
            self.check(point.address, &functions, &format!("a probe on {}", point.kind), &mut contradictions);
        }
        let tables = found.requests.iter().flat_map(|requests| &requests.tables);
        let tables: Vec<u64> = tables.copied().collect();
        if !tables.is_empty() && !self.variables("conns").any(|table| tables.contains(&table)) {
            contradictions.push(format!("the table of connections, conns, is none of those at {tables:#x?}"));
        }
        let clocks: Vec<u64> = self.variables("current_time").collect();
        if let Some(clock) = found.clock
            && !clocks.contains(&clock)
        {
            contradictions.push(format!("the clock was found at {clock:#x}; current_time is at {clocks:#x?}"));
        }
        contradictions
    }

    /// Addresses of the variables of a name.
    fn variables(&self, name: &str) -> impl Iterator<Item = u64> {
        self.variables.iter().filter(move |symbol| base(&symbol.name) == name).map(|symbol| symbol.address)
    }

    fn check(&self, address: u64, functions: &[&str], what: &str, contradictions: &mut Vec<String>) {
        match self.function_at(address) {
            Some((name, _)) if functions.contains(&name) => {}
            Some((name, _)) => {
                contradictions.push(format!("{what} at {address:#x} is in {name}, not in {functions:?}"))
            }
            None => contradictions.push(format!("{what} at {address:#x} is in no function")),
        }
    }
}

/// The addresses in an operand.
fn addresses(point: &ResolvedPoint, operand: &str) -> Vec<u64> {
    let list = point.operands.get(operand).map(String::as_str).unwrap_or_default();
    let parse = |word: &str| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    list.split_whitespace().filter_map(parse).collect()
}

/// A name without the suffixes that gcc and its link-time optimisation append: `.part.0`, `.lto_priv.0`, `.constprop.0`.
fn base(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::resolution::Requests;

    fn truth() -> Truth {
        let symbol = |name: &str, address, size| TrueSymbol { name: name.into(), address, size };
        Truth {
            functions: vec![
                symbol("do_item_get", 0x1000, 0x100),
                symbol("do_store_item", 0x2000, 0x100),
                symbol("process_command_ascii.part.0", 0x3000, 0x100),
            ],
            variables: vec![symbol("current_time", 0x9000, 4), symbol("conns", 0x9008, 8)],
        }
    }

    fn resolution(lookup: u64, store: u64, command: u64, clock: u64) -> Resolution {
        let point = |function: &str, address: u64| {
            format!(
                r#"{{"function":"{function}","kind":"eviction","found_by":"recovered","site":"exact","address":{address},"offset":0,"instruction":"je",
                    "emulated":true,"operands":{{"store_returns":"{store:#x}"}},"proof":[]}}"#
            )
        };
        let json = format!(
            r#"{{"milliseconds":1,"clock":{clock},"lookups":[{}],"commands":[{}]}}"#,
            point("do_item_get", lookup),
            point("process_command_ascii", command)
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn only_places_outside_of_their_functions_are_contradictions() {
        let contradictions = |found: &Resolution| truth().contradictions(found).len();
        assert_eq!(contradictions(&resolution(0x1010, 0x2100, 0x3000, 0x9000)), 0);
        assert_eq!(contradictions(&resolution(0x2010, 0x2100, 0x3000, 0x9000)), 1);
        assert_eq!(contradictions(&resolution(0x1010, 0x1020, 0x3000, 0x9000)), 1);
        assert_eq!(contradictions(&resolution(0x1010, 0x2100, 0x1000, 0x9000)), 2);
        assert_eq!(contradictions(&resolution(0x1010, 0x2100, 0x3000, 0x9004)), 1);
        assert_eq!(contradictions(&resolution(0x5000, 0x2100, 0x3000, 0x9000)), 1);
        let tables = |tables| {
            let requests = Some(Requests { input: 0xb0, cut: true, tables });
            contradictions(&Resolution { requests, ..resolution(0x1010, 0x2100, 0x3000, 0x9000) })
        };
        assert_eq!((tables(vec![0x9000, 0x9008]), tables(vec![0x9000]), tables(Vec::new())), (0, 1, 0));
        assert_eq!(truth().function_at(0x3004), Some(("process_command_ascii", 4)));
    }
}
