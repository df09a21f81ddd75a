//! Signals that end, stop or continue the live table.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Leave.
    Quit,
    /// Stop until continued.
    Suspend,
    /// The process was stopped and goes on: the terminal may have changed.
    Continued,
}

/// The signals that are listened to.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    stop: Signal,
    proceed: Signal,
}

impl Signals {
    /// Begins to listen; from now on none of them has its usual effect.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            proceed: signal(SignalKind::from_raw(libc::SIGCONT))?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Quit,
            _ = self.terminate.recv() => Wish::Quit,
            _ = self.hangup.recv() => Wish::Quit,
            _ = self.stop.recv() => Wish::Suspend,
            _ = self.proceed.recv() => Wish::Continued,
        }
    }
}

/// Stops the whole foreground job, as the terminal itself would for `^Z`, and returns when it is continued. The whole
/// job, because a shell script that started this process must stop too or the user's shell would not notice.
///
/// # Errors
/// The signal cannot be sent.
pub fn stop_job() -> io::Result<()> {
    // SAFETY: `sigaction` is plain data for which zero is valid, the pointers are to live locals, and no handler code of ours
    // is installed: the default action replaces the runtime's handler for the time of the stop only, and is replaced by it.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut before) != 0 {
            return Err(io::Error::last_os_error());
        }
        let sent = if libc::kill(0, libc::SIGTSTP) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
        sent
    }
}
