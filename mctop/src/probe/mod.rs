//! Loads the eBPF object, attaches it, flips and drains epochs.

pub(crate) mod attach;
pub mod bench_support;
pub(crate) mod budget;
mod capacity;
pub(crate) mod clock;
pub(crate) mod cookie;
pub(crate) mod cost;
mod detach;
pub(crate) mod detail;
mod drain;
mod duty;
mod fleet;
mod focus;
pub(crate) mod live;
mod mapped;
pub(crate) mod memory;
mod memory_of;
mod multi;
mod names;
pub(crate) mod object;
pub(crate) mod privilege;
pub(crate) mod requests;
pub(crate) mod room;
mod servers;
pub(crate) mod table;
pub(crate) mod uprobe;
mod validate;
