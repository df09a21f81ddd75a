//! Finds the probe points of an AArch64 binary by symbols, at the entry and the return of functions. The AAPCS64 puts arguments into
//! x0 to x7, the result into x0 and the return address into x30.

mod branches;

use mctop_common::records::{Operand, RETURNS_MAX};
use mctop_common::version::{Version, WIDE_ITEM_FLAGS};

use super::elf::{Image, Machine};
use super::lookups::relative;
use super::options::ResolveOptions;
use super::points::{Operands, Point, Resolved};
use super::steps::{SearchStep, SymbolSource, joined};
use super::symbols::{self, Sources, Symbol, Symbols};
use super::{accuracy, version};
use crate::model::probe_point::{ProbeKind, SiteKind};
use branches::Branch;

/// `do_item_get` must be called at least this often; every version has 4 to 8 calls.
const CALLS_MIN: usize = 3;
/// Longest accepted function, in bytes.
const FUNCTION_BYTES_MAX: u64 = 1 << 20;
/// Where the AAPCS64 puts the first two arguments, the result and the return address.
const X0: u8 = 0;
const X1: u8 = 1;
const X30: u8 = 30;

/// Finds the probe points.
///
/// # Errors
/// Why the binary cannot be traced, as a clause.
pub(super) fn find(image: &Image, sources: &Sources<'_>, options: &ResolveOptions) -> Result<Resolved, String> {
    let symbols::SymbolSearch { symbols, mut steps } = sources.find();
    let outcome = "mctop supports it on x86-64 only".to_owned();
    steps.push(SearchStep { source: SymbolSource::Recovery, found: false, outcome });
    let symbols = symbols.ok_or_else(|| {
        format!(
            "it is an AArch64 binary, in which mctop finds functions by symbols only ({}); install its debug symbols or \
             specify its debug file",
            joined(&steps)
        )
    })?;
    if !options.site.allows(SiteKind::EntryAndReturn) {
        return Err("in an AArch64 binary, mctop can probe only the entry and the return of do_item_get".into());
    }
    options.returns.check(Machine::Aarch64)?;
    let version = version::read(image);
    let release = version.as_deref().and_then(Version::parse);
    let release = release.ok_or("its version is unknown, and therefore the layout of its items")?;
    let branches = branches::read(image)?;
    let mut notes = vec![
        "Lookups are probed at the entry and the return of do_item_get, which costs two traps each, because mctop finds better \
         sites on x86-64 only. Misses of expired and flushed items are not distinguished from others, and clients are unknown."
            .to_owned(),
    ];
    let lookups = lookups(image, &symbols, &branches, &mut notes)?;
    let (commands, command_notes) = match command(image, &symbols, &branches) {
        Ok(point) => (vec![point], Vec::new()),
        Err(reason) => (Vec::new(), vec![accuracy::all_requests(&reason)]),
    };
    let clock = symbols.variable("current_time").filter(|&address| image.is_writable(address) && address % 4 == 0);
    if clock.is_none() {
        notes.push("TTLs are unknown, because there is no symbol for memcached's clock.".into());
    }
    let (events, event_notes) = super::events::without("mctop supports this on x86-64 only");
    Ok(Resolved {
        machine: image.machine(),
        build_id: image.build_id(),
        version,
        lookups,
        commands,
        command_notes,
        events,
        event_notes,
        requests: None,
        clock,
        wide_item_flags: release >= WIDE_ITEM_FLAGS,
        steps,
        notes,
    })
}

/// The only body of a function, which must have the arguments of the source code.
fn single_body<'a>(symbols: &'a Symbols, name: &'a str) -> Result<&'a Symbol, String> {
    let mut bodies = symbols.bodies(name);
    match (bodies.next(), bodies.next()) {
        (Some(body), None) if !body.has_other_arguments() => Ok(body),
        (Some(_), None) => Err(format!("its {name} is a clone, whose arguments may be in other registers")),
        (None, _) => Err(format!("there is no symbol {name}")),
        _ => Err(format!("there are several symbols {name}")),
    }
}

fn lookups(
    image: &Image,
    symbols: &Symbols,
    branches: &[Branch],
    notes: &mut Vec<String>,
) -> Result<Vec<Point>, String> {
    let function = single_body(symbols, "do_item_get")?;
    let calls = branches.iter().filter(|branch| branch.is_call && branch.target == function.address).count();
    if calls < CALLS_MIN {
        return Err(format!(
            "do_item_get is called only {calls} times instead of at least {CALLS_MIN}: copies of it were inlined"
        ));
    }
    let stores = returns(symbols, branches, function.address, "do_store_item")
        .map_err(|reason| format!("lookups of storage commands cannot be distinguished from reads: {reason}"))?;
    let deltas = returns(symbols, branches, function.address, "do_add_delta").unwrap_or_else(|reason| {
        notes.push(format!("Lookups of incr and decr are recognised by their request only: {reason}."));
        Vec::new()
    });
    let address = head(image, branches, function)?;
    let proof = vec![
        format!("It has the symbol {}.", function.name),
        format!(
            "It is called {calls} times, once each from the functions with the symbols do_store_item and do_add_delta."
        ),
        "The AAPCS64 defines where its arguments, its result and its return address are.".into(),
    ];
    let enter = Operands::Lookup {
        key: Operand::register(X0),
        key_len: Operand::register(X1),
        found: Operand::ABSENT,
        item: Operand::ABSENT,
        descriptor: Operand::ABSENT,
        connection: Operand::ABSENT,
        return_address: Operand::register(X30),
        store_returns: relative(&stores, address),
        delta_returns: relative(&deltas, address),
    };
    let leave = Operands::Return { item: Operand::register(X0) };
    [(ProbeKind::LookupEnter, enter), (ProbeKind::LookupReturn, leave)]
        .into_iter()
        .map(|(kind, operands)| {
            let kind = (kind, SiteKind::EntryAndReturn);
            Point::new(image, kind, "do_item_get", symbols.found_by, address, operands, proof.clone())
        })
        .collect()
}

/// The return addresses of the calls of `do_item_get` from the bodies of a function, one each.
fn returns(symbols: &Symbols, branches: &[Branch], item_get: u64, name: &str) -> Result<Vec<u64>, String> {
    let mut returns = Vec::new();
    for body in symbols.bodies(name) {
        let inside = |at: u64| at.checked_sub(body.address).is_some_and(|distance| distance < body.size);
        if body.size > FUNCTION_BYTES_MAX {
            return Err(format!("{name} is larger than in any known memcached"));
        }
        let calls: Vec<&Branch> =
            branches.iter().filter(|branch| branch.is_call && branch.target == item_get && inside(branch.at)).collect();
        match calls[..] {
            [] => {}
            [call] => returns.push(call.at.wrapping_add(4)),
            _ => return Err(format!("the body of {name} calls do_item_get {} times, not once", calls.len())),
        }
    }
    match returns.len() {
        0 => Err(format!("no function with the symbol {name} calls do_item_get")),
        1..=RETURNS_MAX => Ok(returns),
        several => {
            Err(format!("{several} bodies of {name} call do_item_get, and mctop supports at most {RETURNS_MAX}"))
        }
    }
}

/// The instruction to probe at the entry of a function. The function itself must not jump to it.
fn head(image: &Image, branches: &[Branch], function: &Symbol) -> Result<u64, String> {
    let address = branches::head(image, function.address).ok_or("a probe point is not backed by the file")?;
    let inside = |at: u64| at.checked_sub(function.address).is_some_and(|distance| distance < function.size);
    let again = branches.iter().any(|branch| {
        !branch.is_call && inside(branch.at) && (branch.target == address || branch.target == function.address)
    });
    if again { Err(format!("{} jumps back to its own entry", function.name)) } else { Ok(address) }
}

/// The point at the entry of the dispatcher of text commands, `(conn *, char *command, …)`.
fn command(image: &Image, symbols: &Symbols, branches: &[Branch]) -> Result<Point, String> {
    let named: Vec<&Symbol> =
        ["process_command_ascii", "process_command"].iter().flat_map(|name| symbols.bodies(name)).collect();
    // Callers reach the split-off body; the function that it was split from may be dead code.
    let split: Vec<&Symbol> = named.iter().copied().filter(|symbol| symbol.is_split_body()).collect();
    let function = match (split.as_slice(), named.as_slice()) {
        ([function], _) | ([], [function]) => function,
        ([], []) => return Err("there is no symbol for their dispatcher".into()),
        _ => return Err("there are several symbols for their dispatcher".into()),
    };
    if function.has_other_arguments() {
        return Err("their dispatcher is a clone, whose arguments may be in other registers".into());
    }
    if !branches.iter().any(|branch| branch.target == function.address) {
        return Err("nothing calls the function with the symbol of their dispatcher".into());
    }
    let address = head(image, branches, function)?;
    let name =
        if function.name.starts_with("process_command_ascii") { "process_command_ascii" } else { "process_command" };
    let proof = vec![
        format!("It has the symbol {} and is called.", function.name),
        "The AAPCS64 defines where its arguments are.".into(),
    ];
    let operands = Operands::Command { text: Operand::register(X1) };
    Point::new(image, (ProbeKind::Command, SiteKind::Head), name, symbols.found_by, address, operands, proof)
}

#[cfg(test)]
mod tests;
