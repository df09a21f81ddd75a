//! What a signal does while probes are still being attached: it ends mctop, which says so. The kernel takes the probes off with
//! the process.

use std::thread::{self, JoinHandle};

use anyhow::Context;
use tokio::sync::oneshot;

use super::observe::Signals;
use super::{runtime, tell};

/// The time until an observation begins, which then handles signals itself. To be dropped when it does, and not before.
pub(super) struct Attaching {
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attaching {
    /// From now on SIGINT, SIGTERM and SIGHUP end the process, with the exit code that a shell gives who dies of them.
    ///
    /// # Errors
    /// Signals cannot be handled.
    pub(super) fn begin() -> anyhow::Result<Self> {
        Self::until(|signal| {
            tell("interrupted before anything was counted; the probes are off again.");
            std::process::exit(128 + signal);
        })
    }

    fn until(interrupted: impl FnOnce(i32) + Send + 'static) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::new()?
        };
        let (over, is_over) = oneshot::channel();
        let watch = move || {
            let signal = runtime.block_on(async {
                tokio::select! {
                    // Whoever handles signals now gets this one too.
                    biased;
                    _ = is_over => None,
                    signal = signals.any() => Some(signal),
                }
            });
            if let Some(signal) = signal {
                interrupted(signal);
            }
        };
        let thread = thread::Builder::new().name("attaching".into()).spawn(watch).context("cannot start a thread")?;
        Ok(Self { over: Some(over), thread: Some(thread) })
    }
}

impl Drop for Attaching {
    fn drop(&mut self) {
        // The thread has gone already when a signal came.
        let _ = self.over.take().map(|over| over.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[test]
    fn a_signal_ends_what_has_not_begun_and_nothing_else() {
        let (told, signals) = mpsc::channel();
        let begin = || {
            let told = told.clone();
            Attaching::until(move |signal| told.send(signal).unwrap()).unwrap()
        };
        let attaching = begin();
        kill_process(getpid(), Signal::HUP).unwrap();
        assert_eq!(signals.recv_timeout(Duration::from_secs(60)), Ok(libc::SIGHUP));
        drop(attaching);
        drop(begin());
        assert_eq!(signals.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
}
