//! Reads which values the logging side of a branch passes to `logger_log`.

use iced_x86::Register;
use mctop_common::records::Operand;

use super::flags::FlagBranch;
use super::walk::{Arrival, walk};
use crate::target::code::Body;
use crate::target::symbolic::{Pointer, Value};

/// `LOGGER_ITEM_GET` among the log entries: memcached's `logger.h`.
const LOGGER_ITEM_GET: i64 = 2;
/// Displacement of `nbytes` in an item.
const ITEM_NBYTES: i64 = 0x20;
/// Displacement of `slabs_clsid` in an item.
const ITEM_CLASS: i64 = 0x28;
/// `ITEM_clsid` keeps these bits of it; the others say which LRU the item is in.
const ITEM_CLASS_BITS: u64 = 0x3f;
/// How many variadic arguments on the stack are read: size, class, file descriptor.
const STACK_ARGUMENTS: usize = 3;

/// Where the logged values are at the branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedOperands {
    /// Address of the key.
    pub key: Operand,
    /// Length of the key.
    pub key_len: Operand,
    /// Outcome of the lookup.
    pub found: Operand,
    /// The item or NULL.
    pub item: Operand,
    /// The client's file descriptor, or absent.
    pub descriptor: Operand,
    /// Where the file descriptor is, if it is behind a pointer on the stack.
    pub spilled: Option<Spilled>,
    /// How the item was identified, as a sentence.
    pub proof: String,
}

/// A value behind a pointer on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spilled {
    /// The register from which the pointer's slot is addressed.
    pub register: u8,
    /// Displacement of the slot from it.
    pub slot: i64,
    /// Displacement of the value from the pointer.
    pub displacement: i64,
}

/// The arguments on one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arguments {
    key: Operand,
    key_len: Operand,
    found: Operand,
    item: ItemArgument,
    descriptor: Option<Value>,
}

/// What the arguments on one path say about the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ItemArgument {
    /// The pointer through which the class is loaded, and whether the size is loaded through it, too.
    Loaded(Pointer, bool),
    /// Zeros instead of its fields: there is no item.
    Missing,
}

/// Returns the address of `logger_log` and the logged operands.
///
/// # Errors
/// What could not be proved, as a clause.
pub(super) fn read(body: &Body, branch: &FlagBranch) -> Result<(u64, LoggedOperands), String> {
    let arrivals = walk(body, branch.logging_side)?;
    let target = arrivals.first().ok_or("no call of logger_log follows it")?.target;
    let mut paths = Vec::new();
    for arrival in &arrivals {
        if arrival.target != target {
            return Err("its paths lead to different functions".into());
        }
        paths.push(arguments(arrival, branch)?);
    }
    let first = *paths.first().ok_or("no call of logger_log follows it")?;
    let agree = paths.iter().all(|path| {
        (path.key, path.key_len, path.found, path.descriptor)
            == (first.key, first.key_len, first.found, first.descriptor)
    });
    if !agree {
        return Err("its paths pass different keys or outcomes".into());
    }
    let (item, proof) = item(&paths, &arrivals)?;
    let descriptor = first.descriptor.and_then(|value| value.operand(4)).unwrap_or(Operand::ABSENT);
    let spilled = match first.descriptor {
        Some(Value::Load(Pointer::Memory(register, slot), displacement, 4, _)) => {
            Some(Spilled { register, slot, displacement })
        }
        _ => None,
    };
    Ok((
        target,
        LoggedOperands { key: first.key, key_len: first.key_len, found: first.found, item, descriptor, spilled, proof },
    ))
}

/// Whether the logging side of a branch logs a lookup, even if its operands are not understood.
pub(super) fn is_lookup(body: &Body, branch: &FlagBranch) -> bool {
    walk(body, branch.logging_side).is_ok_and(|arrivals| {
        arrivals.iter().any(|arrival| arrival.state.register(Register::ESI) == Value::Constant(LOGGER_ITEM_GET))
    })
}

fn arguments(arrival: &Arrival, branch: &FlagBranch) -> Result<Arguments, String> {
    let state = &arrival.state;
    if state.register(Register::RDI) != Value::Sum(branch.logger, 0) {
        return Err("the call after it is not passed the logger whose flags were tested".into());
    }
    if state.register(Register::ESI) != Value::Constant(LOGGER_ITEM_GET) {
        return Err("the call after it is not passed the event of a lookup".into());
    }
    if state.register(Register::RDX) != Value::Constant(0) {
        return Err("the call after it is not passed NULL for the entry".into());
    }
    // By the calling convention these registers hold the arguments at the call, wherever they were set.
    let operand = |register: Register, size: usize, name: &str| {
        let operand = state.register(register).operand(size);
        operand.ok_or_else(|| format!("at the branch, the {name} is in no register or stack slot"))
    };
    let mut stack = [None; STACK_ARGUMENTS];
    for (slot, value) in (0i64..).zip(&mut stack) {
        *value = state.stack_argument(8 * slot);
    }
    let (item, after) = match stack {
        [Some(size), Some(class), descriptor] if is_size(size).is_some() || is_zero_pair(size, class) => {
            (item_argument(class, Some(size))?, descriptor)
        }
        [Some(class), descriptor, _] => (item_argument(class, None)?, descriptor),
        _ => return Err("the call after it is not passed the fields of an item".into()),
    };
    Ok(Arguments {
        key: operand(Register::R8, 8, "key")?,
        key_len: operand(Register::R9, 8, "key length")?,
        found: operand(Register::ECX, 4, "outcome")?,
        item,
        // In versions that do not log the descriptor, this slot is padding.
        descriptor: after.map(|value| value.truncated(4)).filter(|value| matches!(value, Value::Load(_, _, 4, _))),
    })
}

fn is_size(value: Value) -> Option<Pointer> {
    match value.truncated(4) {
        Value::Load(pointer, ITEM_NBYTES, 4, _) => Some(pointer),
        _ => None,
    }
}

fn is_zero_pair(size: Value, class: Value) -> bool {
    size == Value::Constant(0) && class == Value::Constant(0)
}

fn item_argument(class: Value, size: Option<Value>) -> Result<ItemArgument, String> {
    match (class, size) {
        (Value::Constant(0), None | Some(Value::Constant(0))) => Ok(ItemArgument::Missing),
        (Value::Load(pointer, ITEM_CLASS, 1, ITEM_CLASS_BITS), size) => match size.map(is_size) {
            None => Ok(ItemArgument::Loaded(pointer, false)),
            Some(Some(other)) if other == pointer => Ok(ItemArgument::Loaded(pointer, true)),
            Some(_) => Err("size and class are from different items".into()),
        },
        _ => Err("the call after it is not passed the class of an item".into()),
    }
}

/// The item on all paths. Its fields must be loaded where it is not NULL, and zeros passed where it is.
fn item(paths: &[Arguments], arrivals: &[Arrival]) -> Result<(Operand, String), String> {
    let mut loaded = None;
    for path in paths {
        if let ItemArgument::Loaded(pointer, sized) = path.item
            && *loaded.get_or_insert((pointer, sized)) != (pointer, sized)
        {
            return Err("its paths pass different items".into());
        }
    }
    let Some((pointer, sized)) = loaded else {
        return Ok((
            Operand::constant(0),
            "The branch is passed only if no item was found: zeros are logged instead of its fields.".into(),
        ));
    };
    let value = match pointer {
        Pointer::Register(register) => Value::Sum(register, 0),
        Pointer::Memory(register, displacement) => Value::load(Pointer::Register(register), displacement, 8),
    };
    for (path, arrival) in paths.iter().zip(arrivals) {
        if path.item == ItemArgument::Missing && !arrival.conditions.contains(&(value, true)) {
            return Err("zeros are logged instead of the item's fields without a test that it is NULL".into());
        }
    }
    let operand = value.operand(8).ok_or("at the branch, the item is in no register or stack slot")?;
    let fields = if sized { "size at +0x20 and class at +0x28" } else { "class at +0x28" };
    let missing = paths.iter().any(|path| path.item == ItemArgument::Missing);
    let otherwise = if missing { "; zeros are logged if it is NULL" } else { "" };
    Ok((operand, format!("The logged {fields} are loaded through the item's pointer{otherwise}.")))
}
