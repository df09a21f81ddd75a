//! Finds memcached's functions in a binary without symbols, by the strings that they refer to and by the call graph.

mod callers;
mod command;
mod item_get;
pub mod marker_strings;
mod request;

pub use callers::{Callers, delta_calls, store_calls};
pub use command::{Dispatcher, dispatcher};
pub use item_get::item_get;
pub use request::{LineSearch, ReadBuffer, line_searches, read_buffer};

/// A function that was found, and the proof that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFunction {
    /// Virtual address of its first instruction.
    pub address: u64,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}
