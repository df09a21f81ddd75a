//! Sets the terminal up and restores it exactly once: on return, error, panic and signal, and around a suspension.

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

/// Whether the terminal is set up for mctop. Global because the panic hook needs it.
static ENTERED: AtomicBool = AtomicBool::new(false);
/// Whether the terminal reports the mouse. Global for the same reason.
static MOUSE: AtomicBool = AtomicBool::new(false);

/// Reports clicks and the wheel (mode 1000) with decimal coordinates (mode 1006); see xterm's control sequences. crossterm's
/// own command would also report every movement, which would wake mctop needlessly.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// The terminal while mctop uses it.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<FrameBuffer>>,
}

/// Buffers a frame until it is complete, so that it is sent in one write instead of one per kilobyte. What could not be written is
/// dropped, so that it is never sent to a terminal that mctop no longer uses.
#[derive(Debug, Default)]
struct FrameBuffer(Vec<u8>);

impl Write for FrameBuffer {
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
    /// Sets up the terminal on standard output; with `mouse`, it reports clicks and the wheel.
    ///
    /// # Errors
    /// There is no terminal, or it cannot be set up. Its state is then restored.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        leave_on_panic();
        MOUSE.store(mouse, Ordering::SeqCst);
        set_up()?;
        let terminal = Terminal::new(CrosstermBackend::new(FrameBuffer::default())).inspect_err(|_| leave())?;
        Ok(Self { terminal })
    }

    /// The size in cells.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        self.terminal.draw(|frame| draw(frame.buffer_mut())).map(drop)
    }

    /// Clears the screen, so that the next frame is drawn in full.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        // `Terminal::clear` queries the cursor position, and the answer would go to the event reader.
        stdout().execute(Clear(ClearType::All))?;
        self.terminal = Terminal::new(CrosstermBackend::new(FrameBuffer::default()))?;
        Ok(())
    }

    /// Asks the terminal to copy text to the clipboard. Whether it does so is unknown.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        stdout().execute(CopyToClipboard::to_clipboard_from(text)).map(drop)
    }

    /// Restores the terminal, calls `stop` to stop the process, and sets the terminal up again when the process continues.
    ///
    /// # Errors
    /// Those of `stop`, or the terminal is gone.
    pub(super) fn suspend_with(&mut self, stop: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        leave();
        let stopped = stop();
        self.reenter()?;
        stopped
    }

    /// Sets the terminal up again after another program may have used it.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn reenter(&mut self) -> io::Result<()> {
        // The shell may have changed the modes, so what crossterm remembers is out of date.
        leave_raw_mode();
        set_up()?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn set_up() -> io::Result<()> {
    enable_raw_mode()?;
    ENTERED.store(true, Ordering::SeqCst);
    let entered = stdout().queue(EnterAlternateScreen).and_then(|out| {
        if MOUSE.load(Ordering::SeqCst) {
            out.write_all(MOUSE_ON)?;
        }
        // Without this, pasted text would arrive as key presses.
        out.queue(EnableBracketedPaste)?.execute(Hide).map(drop)
    });
    entered.inspect_err(|_| leave())
}

/// Restores the terminal. Errors are ignored, because the terminal may be gone.
fn leave() {
    if ENTERED.swap(false, Ordering::SeqCst) {
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

/// Restores the terminal on a panic, because the message would be lost with the alternate screen.
fn leave_on_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            leave();
            report(panic);
        }));
    });
}
