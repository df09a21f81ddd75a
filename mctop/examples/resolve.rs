//! Prints the probe points of binaries, for work on the search itself.
//!
//! `cargo run -p mctop --example resolve -- [--json] [--debug-file=FILE] [--site=exact|early|entry-and-return] ELF...`, or
//! without files for every memcached that is running

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mctop::Selection;
use mctop::internal::{
    ConnectionSource, Finder, Machine, Operands, Point, ResolveOptions, Resolved, SiteKind, SitePreference, load_bias,
    resolve, resolve_with,
};
use mctop_common::records::{Operand, OperandKind};
use serde_json::{Value, json};

/// Registers of x86-64 in the processor's encoding order.
const REGISTERS: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

fn main() {
    let (options, paths): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let json = options.iter().any(|option| option == "--json");
    let settings = settings(&options);
    let mut refused = false;
    if paths.is_empty() {
        refused |= running();
    }
    for path in paths.iter().map(PathBuf::from) {
        let start = Instant::now();
        let result = resolve_with(&path, &settings);
        let took = start.elapsed();
        refused |= result.is_err();
        if json {
            println!("{}", describe(&path, &result, took));
        } else {
            print(&path, &result, took);
        }
    }
    std::process::exit(if refused { 4 } else { 0 });
}

/// What the options say of how to resolve.
fn settings(options: &[String]) -> ResolveOptions {
    let value = |name: &str| options.iter().find_map(|option| option.strip_prefix(name));
    ResolveOptions {
        debug_file: value("--debug-file=").map(PathBuf::from),
        site: match value("--site=") {
            Some("exact") => SitePreference::Only(SiteKind::Exact),
            Some("early") => SitePreference::Only(SiteKind::Early),
            Some("entry-and-return") => SitePreference::Only(SiteKind::EntryAndReturn),
            _ => SitePreference::Best,
        },
        ..ResolveOptions::default()
    }
}

/// Prints the running servers and where `current_time` is in their memory; whether something failed.
fn running() -> bool {
    let start = Instant::now();
    let mut finder = Finder::default();
    let found = finder.find(&Selection::default());
    let took = start.elapsed();
    let again = Instant::now();
    let repeated = finder.find(&Selection::default()).is_ok();
    let took_again = again.elapsed();
    match found {
        Ok(processes) => {
            println!(
                "found in {:.1} ms, again in {:.1} ms ({repeated})",
                took.as_secs_f64() * 1e3,
                took_again.as_secs_f64() * 1e3
            );
            for process in processes {
                let bias = load_bias(&process);
                let clock = resolve(&process.image).ok().and_then(|resolved| resolved.clock);
                println!("{process:#?}\n  load bias {bias:#x?}, clock {clock:#x?}");
            }
            false
        }
        Err(error) => {
            println!("refused: {error:#}");
            true
        }
    }
}

fn print(path: &Path, result: &anyhow::Result<Resolved>, took: Duration) {
    println!("{} ({:.1} ms)", path.display(), took.as_secs_f64() * 1e3);
    let resolved = match result {
        Ok(resolved) => resolved,
        Err(error) => {
            println!("  refused: {error:#}");
            return;
        }
    };
    println!("  version   {}", resolved.version.as_deref().unwrap_or("unknown"));
    println!("  build-id  {}", resolved.build_id.as_deref().unwrap_or("none"));
    println!("  clock     {}", resolved.clock.map_or("unknown".into(), |address| format!("{address:#x}")));
    println!("  it_flags  {}", if resolved.wide_item_flags { "16 bits at +38" } else { "8 bits at +39" });
    for point in resolved.lookups.iter().chain(&resolved.commands).chain(&resolved.events) {
        println!(
            "  {} in {} ({:?}, {}): address {:#x}, offset {:#x}: {}{}",
            point.kind.name(),
            point.function,
            point.found_by,
            point.site.name(),
            point.address,
            point.offset,
            point.instruction,
            if point.emulated { "" } else { " (single-stepped)" }
        );
        for (name, value) in operands(point, resolved.machine) {
            println!("    {name:<14} {value}");
        }
        for sentence in &point.proof {
            println!("    - {sentence}");
        }
    }
    if let Some(requests) = &resolved.requests {
        println!("  requests  {requests:x?}");
    }
    for step in &resolved.steps {
        println!("  {} {}: {}", if step.found { "+" } else { "-" }, step.source, step.outcome);
    }
    for note in resolved.notes.iter().chain(resolved.command_notes.iter().filter(|_| resolved.requests.is_none())) {
        println!("  note: {note}");
    }
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
            let absolute = |list: &[i64]| {
                list.iter()
                    .map(|&offset| format!("{:#x}", point.address.wrapping_add_signed(offset)))
                    .collect::<Vec<_>>()
                    .join(" ")
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

fn describe(path: &Path, result: &anyhow::Result<Resolved>, took: Duration) -> Value {
    let mut value = json!({ "path": path.display().to_string(), "milliseconds": took.as_secs_f64() * 1e3 });
    match result {
        Err(error) => value["refused"] = json!(format!("{error:#}")),
        Ok(resolved) => {
            let points = |points: &[Point]| {
                points
                    .iter()
                    .map(|point| {
                        let operands: serde_json::Map<String, Value> = operands(point, resolved.machine)
                            .into_iter()
                            .map(|(name, value)| (name.into(), json!(value)))
                            .collect();
                        json!({
                            "function": point.function, "found_by": point.found_by, "kind": point.kind,
                            "site": point.site, "address": point.address,
                            "offset": point.offset, "instruction": point.instruction, "emulated": point.emulated,
                            "operands": operands, "proof": point.proof,
                        })
                    })
                    .collect::<Vec<_>>()
            };
            value["version"] = json!(resolved.version);
            value["build_id"] = json!(resolved.build_id);
            value["clock"] = json!(resolved.clock);
            value["wide_item_flags"] = json!(resolved.wide_item_flags);
            value["requests"] = resolved.requests.as_ref().map_or(Value::Null, |requests| {
                let tables = match &requests.connection {
                    ConnectionSource::AtLookup => Vec::new(),
                    ConnectionSource::ByDescriptor(tables) => tables.clone(),
                };
                json!({ "input": requests.input, "cut": requests.cut, "tables": tables, "proof": requests.proof })
            });
            value["lookups"] = json!(points(&resolved.lookups));
            value["commands"] = json!(points(&resolved.commands));
            value["events"] = json!(points(&resolved.events));
            value["steps"] = json!(resolved.steps);
            value["notes"] = json!(resolved.notes);
        }
    }
    value
}
