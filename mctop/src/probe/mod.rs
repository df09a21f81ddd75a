//! Loads the eBPF object, attaches it, flips and drains epochs.

pub mod attach;
mod batch;
pub mod clock;
mod fleet;
pub mod gauge;
pub mod live;
mod names;
pub(crate) mod object;
pub mod privilege;
mod servers;
pub(crate) mod table;
