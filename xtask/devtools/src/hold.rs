//! Staying attached until the parent has measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use rustix::process::getppid;
use signal_hook::consts::{SIGINT, SIGTERM};

/// How often the flag and the parent are checked.
const POLL: Duration = Duration::from_millis(10);

/// Prints that everything is attached, and returns on SIGINT or SIGTERM, or when the parent has exited; calls `meanwhile` at
/// each check.
///
/// # Errors
/// When the signals cannot be handled, or `meanwhile` fails.
pub fn until_stopped(mut meanwhile: impl FnMut() -> Result<()>) -> Result<()> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stopped))?;
    }
    let parent = getppid();
    println!("{{\"ready\":true}}");
    while !stopped.load(Ordering::Relaxed) && getppid() == parent {
        meanwhile()?;
        thread::sleep(POLL);
    }
    Ok(())
}
