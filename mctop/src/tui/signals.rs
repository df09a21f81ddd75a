//! Signals that end, suspend or continue the live table, and the loss of the terminal.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// What a signal requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalEvent {
    /// Leave.
    Quit,
    /// Stop until continued.
    Suspend,
    /// The process was stopped and now continues. The terminal may have changed.
    Continued,
}

/// Receives signals.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    stop: Signal,
    resume: Signal,
    gone: oneshot::Receiver<()>,
}

impl Signals {
    /// Installs the handlers. From now on, none of these signals has its default effect.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(libc::SIGTSTP))?,
            resume: signal(SignalKind::from_raw(libc::SIGCONT))?,
            gone: watch_terminal()?,
        })
    }

    /// Waits for the next signal. Must not be called again after [`SignalEvent::Quit`].
    pub(super) async fn next(&mut self) -> SignalEvent {
        tokio::select! {
            _ = self.interrupt.recv() => SignalEvent::Quit,
            _ = self.terminate.recv() => SignalEvent::Quit,
            _ = self.hangup.recv() => SignalEvent::Quit,
            _ = &mut self.gone => SignalEvent::Quit,
            _ = self.stop.recv() => SignalEvent::Suspend,
            _ = self.resume.recv() => SignalEvent::Continued,
        }
    }
}

/// Reports when the terminal on standard output is gone. `SIGHUP` is sent only to the session leader and the foreground job; in
/// any other process, crossterm would read the end of input in a busy loop.
fn watch_terminal() -> io::Result<oneshot::Receiver<()>> {
    let (gone, watched) = oneshot::channel();
    let watch = move || {
        let mut terminal = libc::pollfd { fd: libc::STDOUT_FILENO, events: 0, revents: 0 };
        // SAFETY: the pointer is to one live element. Without events asked for, only an error or a hangup ends the call.
        while unsafe { libc::poll(&raw mut terminal, 1, -1) } < 0 {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return;
            }
        }
        // Ignore the error: the table may already have been closed.
        let _ = gone.send(());
    };
    std::thread::Builder::new().name("terminal".to_owned()).spawn(watch)?;
    Ok(watched)
}

/// Stops the whole foreground job, as the terminal does for `^Z`, and returns when it is continued. A shell script that started
/// this process must stop too; otherwise the user's shell would not notice.
///
/// # Errors
/// The signal cannot be sent.
pub(super) fn stop_job() -> io::Result<()> {
    // SAFETY: `sigaction` is plain data for which zero is valid, and the pointers are to live locals. No new handler is
    // installed: the default action replaces the runtime's handler only until the process continues.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        let mut before: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGTSTP, &raw const default, &raw mut before) != 0 {
            return Err(io::Error::last_os_error());
        }
        // The signal to the group may be taken by another thread, and this one would go on for a moment. A signal of its own stops it
        // as soon as it is no longer blocked; if the process was stopped and continued before, it is gone (signal(7)).
        let mut stop: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut stop);
        libc::sigaddset(&raw mut stop, libc::SIGTSTP);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const stop, std::ptr::null_mut());
        libc::pthread_kill(libc::pthread_self(), libc::SIGTSTP);
        let sent = if libc::kill(0, libc::SIGTSTP) == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const stop, std::ptr::null_mut());
        libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
        sent
    }
}
