//! Loads the eBPF object, attaches it, flips and drains epochs.

pub mod attach;
pub mod budget;
mod capacity;
pub mod clock;
pub(crate) mod cookie;
pub(crate) mod cost;
mod detach;
pub mod detail;
mod drain;
mod duty;
mod fleet;
mod focus;
pub mod gauge;
pub mod live;
mod mapped;
pub mod memory;
mod memory_of;
mod multi;
mod names;
pub(crate) mod object;
pub mod privilege;
pub mod requests;
pub mod room;
mod servers;
pub(crate) mod table;
pub(crate) mod uprobe;
mod validate;
