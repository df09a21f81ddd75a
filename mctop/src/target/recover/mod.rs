//! Finds memcached's functions in a binary without symbols, by the strings they refer to and by who calls whom.

mod callers;
mod command;
mod item_get;
mod request;
pub mod telltales;

pub use callers::{Callers, delta_calls, store_calls};
pub use command::{Dispatcher, dispatcher};
pub use item_get::item_get;
pub use request::{LineSearch, ReadBuffer, line_searches, read_buffer};

/// A function that was found, and why it must be the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Virtual address of its first instruction.
    pub address: u64,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}
