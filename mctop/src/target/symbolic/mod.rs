//! Symbolic execution: the contents of registers and stack slots, relative to registers and memory at an origin, such as a probed
//! branch or the entry of a function.

mod paths;
mod state;
mod value;

pub use paths::Paths;
pub use state::State;
pub use value::{Pointer, Value};
