//! Loads the eBPF object, attaches it, flips and drains epochs.

pub mod attach;
mod batch;
pub mod clock;
pub mod live;
mod names;
pub(crate) mod object;
pub mod privilege;
pub(crate) mod table;
