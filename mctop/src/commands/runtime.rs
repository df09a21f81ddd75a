//! The Tokio runtime of the commands.

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

/// A runtime with one thread, timers and signals.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start the runtime")
}
