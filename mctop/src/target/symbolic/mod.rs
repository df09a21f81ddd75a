//! Symbolic execution: what registers and stack slots hold, in terms of registers and memory at an origin, such as a probed
//! branch or the entry of a function.

mod paths;
mod state;
mod value;

pub use paths::Paths;
pub use state::State;
pub use value::{Pointer, Value};
