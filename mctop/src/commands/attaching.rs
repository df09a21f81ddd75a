//! Ends mctop on a signal while probes are being attached. The kernel detaches them with the process.

use std::thread::{self, JoinHandle};

use anyhow::Context;
use tokio::sync::oneshot;

use super::observe::ObservationSignals;
use super::print_message;
use super::runtime::runtime;

/// The time before an observation starts. To be dropped once the observation handles signals itself, and not before.
pub(super) struct Attaching {
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attaching {
    /// From now on SIGINT, SIGTERM and SIGHUP end the process, with the exit code that shells use for a death by signal.
    pub(super) fn start() -> anyhow::Result<Self> {
        Self::until(|signal| {
            print_message("interrupted before anything was counted; the probes are detached.");
            std::process::exit(128 + signal);
        })
    }

    fn until(interrupted: impl FnOnce(i32) + Send + 'static) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let mut signals = {
            let _entered = runtime.enter();
            ObservationSignals::new()?
        };
        let (over, is_over) = oneshot::channel();
        let watch = move || {
            let signal = runtime.block_on(async {
                tokio::select! {
                    // The observation, which handles signals already, gets this one too.
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
        // After a signal the thread has ended, and nobody receives this.
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
    fn only_signals_before_the_start_are_handled() {
        let (sender, signals) = mpsc::channel();
        let start = || {
            let sender = sender.clone();
            Attaching::until(move |signal| sender.send(signal).unwrap()).unwrap()
        };
        let attaching = start();
        kill_process(getpid(), Signal::HUP).unwrap();
        assert_eq!(signals.recv_timeout(Duration::from_secs(60)), Ok(libc::SIGHUP));
        drop(attaching);
        drop(start());
        assert_eq!(signals.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
}
