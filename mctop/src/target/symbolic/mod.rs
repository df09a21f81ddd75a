//! Symbolic execution: the contents of registers and stack slots, relative to registers and memory at an origin, such as a probed
//! branch or the entry of a function.

mod paths;
mod state;
mod value;

pub(crate) use paths::Paths;
pub(crate) use state::SymbolicState;
pub(crate) use value::{Pointer, Value};
