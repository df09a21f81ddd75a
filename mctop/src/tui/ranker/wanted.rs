//! Whether somebody still waits for what is being made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Held by whoever waits and by whoever works. The clones are one.
#[derive(Clone, Debug, Default)]
pub struct Wanted(Arc<AtomicBool>);

impl Wanted {
    /// Says that nobody waits any more.
    pub fn give_up(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody still does. Asked for each row: it costs next to nothing.
    #[must_use]
    pub fn still(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}
