//! Finds memcached's functions in a binary without symbols, by the strings that they refer to and by the call graph.

mod callers;
mod command;
mod item_get;
pub(crate) mod marker_strings;
mod request;

pub(crate) use callers::{Callers, delta_calls, store_calls};
pub(crate) use command::{Dispatcher, dispatcher};
pub(crate) use item_get::item_get;
pub(crate) use request::{LineSearch, line_searches, read_buffer};

/// A function that was found, and the proof that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundFunction {
    /// Virtual address of its first instruction.
    pub address: u64,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}
