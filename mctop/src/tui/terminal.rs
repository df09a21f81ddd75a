//! The terminal is taken once and given back exactly once: on return, error, panic and signal, and around a suspension.

use std::io::{self, Write, stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{ExecutableCommand, QueueableCommand};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Size;

/// Whether the terminal is ours at the moment. Global because the panic hook must know.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the terminal tells what the mouse does. Global for the same reason.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// Clicks and the wheel (mode 1000) in decimal coordinates (1006), as in xterm's control sequences. Not crossterm's
/// command, which asks for every movement too and so would wake mctop for nothing.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// The terminal while it is ours.
#[derive(Debug)]
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Frame>>,
}

/// Holds a frame back until it is whole: one write instead of one for each kilobyte. What could not be written is never sent
/// later, when the terminal is somebody else's.
#[derive(Debug, Default)]
struct Frame(Vec<u8>);

impl Write for Frame {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut out = stdout().lock();
        let written = out.write_all(&self.0).and_then(|()| out.flush());
        self.0.clear();
        written
    }
}

impl Screen {
    /// Takes the terminal on standard output; with `mouse`, it is to tell clicks and the wheel.
    ///
    /// # Errors
    /// There is no terminal, or it cannot be set up; it is then as it was.
    pub fn take(mouse: bool) -> io::Result<Self> {
        give_back_on_panic();
        MOUSE.store(mouse, Ordering::SeqCst);
        enter()?;
        let terminal = Terminal::new(CrosstermBackend::new(Frame::default())).inspect_err(|_| leave())?;
        Ok(Self { terminal })
    }

    /// Its size in cells.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame.buffer_mut())).map(drop)
    }

    /// Forgets what is on the screen: the next frame is drawn in full.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn clear(&mut self) -> io::Result<()> {
        // `Terminal::clear` asks the terminal for the cursor's position, whose answer the reader of key presses would take.
        stdout().execute(Clear(ClearType::All))?;
        self.terminal = Terminal::new(CrosstermBackend::new(Frame::default()))?;
        Ok(())
    }

    /// Asks the terminal to put a text into the user's clipboard. Whether it does is not known.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        stdout().execute(CopyToClipboard::to_clipboard_from(text)).map(drop)
    }

    /// Gives the terminal back while `stop` stops the process, and takes it again when it continues.
    ///
    /// # Errors
    /// Those of `stop`, or the terminal is gone.
    pub fn suspended(&mut self, stop: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        leave();
        let stopped = stop();
        self.retake()?;
        stopped
    }

    /// Sets the terminal up again after somebody else may have used it.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn retake(&mut self) -> io::Result<()> {
        // The shell that had it in between has its own idea of the modes; what crossterm remembers is out of date.
        leave_raw_mode();
        enter()?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let entered = stdout().queue(EnterAlternateScreen).and_then(|out| {
        if MOUSE.load(Ordering::SeqCst) {
            out.write_all(MOUSE_ON)?;
        }
        // Without it, pasted text would be key presses.
        out.queue(EnableBracketedPaste)?.execute(Hide).map(drop)
    });
    entered.inspect_err(|_| leave())
}

/// Errors do not matter: there may be no terminal any more, and nobody to tell.
fn leave() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = stdout();
        if MOUSE.load(Ordering::SeqCst) {
            let _ = out.write_all(MOUSE_OFF);
        }
        let _ = out.queue(DisableBracketedPaste).map(drop);
        let _ = out.queue(LeaveAlternateScreen).and_then(|out| out.queue(Show)).map(drop);
        let _ = out.flush();
        leave_raw_mode();
    }
}

fn leave_raw_mode() {
    let _ = disable_raw_mode();
}

/// A panic's message would be lost with the alternate screen.
fn give_back_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            leave();
            report(panic);
        }));
    });
}
