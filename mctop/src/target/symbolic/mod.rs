//! Symbolic execution: what registers and stack slots hold, in terms of registers and memory at an origin, such as a probed
//! branch or the entry of a function.

mod state;
mod value;
mod ways;

pub use state::State;
pub use value::{Pointer, Value};
pub use ways::Ways;
