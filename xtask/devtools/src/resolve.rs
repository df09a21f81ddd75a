//! What mctop finds in memcached binaries.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use mctop::internal::{
    ConnectionSource, Machine, Operands, Point, ResolveOptions, Resolved, SiteKind, SitePreference, resolve_with,
};
use mctop_common::records::{Operand, OperandKind};
use serde_json::{Map, Value, json};

/// Registers of x86-64 in the processor's encoding order.
const REGISTERS: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/// Which binaries to search, and how.
#[derive(clap::Args)]
pub struct ResolveArgs {
    /// A debug file with the symbols of the binary
    #[arg(long)]
    debug_file: Option<PathBuf>,
    /// Accept only this kind of lookup site
    #[arg(long)]
    site: Option<SiteArg>,
    /// The binaries
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// A kind of lookup site.
#[derive(Clone, Copy, ValueEnum)]
enum SiteArg {
    /// The branch at the end of `do_item_get`
    Exact,
    /// The branch after the hash lookup
    Early,
    /// Entry and return of `do_item_get`
    EntryAndReturn,
}

/// Prints what was found in each binary as one line of JSON. Returns whether all can be traced.
#[must_use]
pub fn print(args: &ResolveArgs) -> bool {
    let options = ResolveOptions {
        debug_file: args.debug_file.clone(),
        site: args.site.map_or(SitePreference::Best, |site| {
            SitePreference::Only(match site {
                SiteArg::Exact => SiteKind::Exact,
                SiteArg::Early => SiteKind::Early,
                SiteArg::EntryAndReturn => SiteKind::EntryAndReturn,
            })
        }),
        ..ResolveOptions::default()
    };
    let mut all_found = true;
    for file in &args.files {
        let start = Instant::now();
        let result = resolve_with(file, &options);
        println!("{}", describe(file, &result, start.elapsed()));
        all_found &= result.is_ok();
    }
    all_found
}

fn describe(file: &Path, result: &anyhow::Result<Resolved>, took: Duration) -> Value {
    let milliseconds = took.as_secs_f64() * 1e3;
    let resolved = match result {
        Ok(resolved) => resolved,
        Err(error) => return json!({ "path": file, "milliseconds": milliseconds, "refused": format!("{error:#}") }),
    };
    let points = |points: &[Point]| -> Value { points.iter().map(|each| point(each, resolved.machine)).collect() };
    let requests = resolved.requests.as_ref().map(|requests| {
        let tables: &[u64] = match &requests.connection {
            ConnectionSource::AtLookup => &[],
            ConnectionSource::ByDescriptor(tables) => tables,
        };
        json!({ "input": requests.input, "cut": requests.cut, "tables": tables, "proof": requests.proof })
    });
    json!({
        "path": file,
        "milliseconds": milliseconds,
        "version": resolved.version,
        "build_id": resolved.build_id,
        "clock": resolved.clock,
        "wide_item_flags": resolved.wide_item_flags,
        "requests": requests,
        "lookups": points(&resolved.lookups),
        "commands": points(&resolved.commands),
        "events": points(&resolved.events),
        "steps": resolved.steps,
        "notes": resolved.notes,
    })
}

fn point(point: &Point, machine: Machine) -> Value {
    let operands: Map<String, Value> =
        operands(point, machine).into_iter().map(|(name, value)| (name.into(), json!(value))).collect();
    json!({
        "function": point.function, "found_by": point.found_by, "kind": point.kind, "site": point.site,
        "address": point.address, "offset": point.offset, "instruction": point.instruction,
        "emulated": point.emulated, "operands": operands, "proof": point.proof,
    })
}

fn operands(point: &Point, machine: Machine) -> Vec<(&'static str, String)> {
    let operand = |operand| operand_text(operand, machine);
    match &point.operands {
        Operands::Command { text } => vec![("text", operand(text))],
        Operands::Return { item } => vec![("item", operand(item))],
        Operands::Event { item, outcome } => vec![("item", operand(item)), ("outcome", operand(outcome))],
        Operands::Lookup {
            key,
            key_len,
            found,
            item,
            descriptor,
            connection,
            return_address,
            store_returns,
            delta_returns,
        } => {
            let absolute = |offsets: &[i64]| {
                let addresses = offsets.iter().map(|&offset| point.address.wrapping_add_signed(offset));
                addresses.map(|address| format!("{address:#x}")).collect::<Vec<_>>().join(" ")
            };
            vec![
                ("key", operand(key)),
                ("key_len", operand(key_len)),
                ("found", operand(found)),
                ("item", operand(item)),
                ("descriptor", operand(descriptor)),
                ("connection", operand(connection)),
                ("return_address", operand(return_address)),
                ("store_returns", absolute(store_returns)),
                ("delta_returns", absolute(delta_returns)),
            ]
        }
    }
}

fn operand_text(operand: &Operand, machine: Machine) -> String {
    let number = usize::from(operand.register);
    let register = match machine {
        Machine::X86_64 => REGISTERS.get(number).copied().unwrap_or("?").to_owned(),
        Machine::Aarch64 => format!("x{number}"),
    };
    match operand.kind {
        kind if kind == OperandKind::Register as u8 => register,
        kind if kind == OperandKind::Memory as u8 => {
            format!("[{register}{}{:#x}]", if operand.value < 0 { '-' } else { '+' }, operand.value.unsigned_abs())
        }
        kind if kind == OperandKind::Constant as u8 => operand.value.to_string(),
        _ => "absent".into(),
    }
}
