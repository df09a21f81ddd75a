//! Signals that end, stop or continue the live table, and the end of the terminal itself.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

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
    gone: oneshot::Receiver<()>,
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
            gone: watch_terminal()?,
        })
    }

    /// Waits for the next one. Not to be called again after [`Wish::Quit`].
    pub async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::Quit,
            _ = self.terminate.recv() => Wish::Quit,
            _ = self.hangup.recv() => Wish::Quit,
            _ = &mut self.gone => Wish::Quit,
            _ = self.stop.recv() => Wish::Suspend,
            _ = self.proceed.recv() => Wish::Continued,
        }
    }
}

/// Tells when the terminal on standard output is gone. `SIGHUP` comes to the session's leader and the foreground job only;
/// anybody else would read the end of the terminal's input for ever, which crossterm does without a pause.
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
        // The table has been left already when nobody listens.
        let _ = gone.send(());
    };
    std::thread::Builder::new().name("terminal".to_owned()).spawn(watch)?;
    Ok(watched)
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
        // Another thread may be the one that is to take the signal, and has not yet: it must find the default action.
        while is_due(libc::SIGTSTP) {
            std::thread::yield_now();
        }
        libc::sigaction(libc::SIGTSTP, &raw const before, std::ptr::null_mut());
        sent
    }
}

/// Whether a signal has been sent to this process, was not taken yet, and will be: it is not blocked.
fn is_due(signal: libc::c_int) -> bool {
    // SAFETY: signal sets are plain data for which zero is valid, and the pointers are to live locals.
    unsafe {
        let mut pending: libc::sigset_t = std::mem::zeroed();
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut pending) == 0
            && libc::sigismember(&raw const pending, signal) == 1
            && libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &raw mut blocked) == 0
            && libc::sigismember(&raw const blocked, signal) == 0
    }
}
