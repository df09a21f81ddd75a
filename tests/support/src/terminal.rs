//! A pseudo-terminal in which a program runs, and the screen that a terminal would show.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, MasterPty};
pub use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::program::mctop_path;

/// How long a screen or an end may take: far more than a busy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// What enters the alternate screen (xterm's control sequences, DECSET 1049).
const ENTER: &[u8] = b"\x1b[?1049h";
/// What leaves the alternate screen (DECRST 1049).
pub const LEAVE: &[u8] = b"\x1b[?1049l";

/// The size of most terminals here, in rows and columns.
pub const SIZE: (u16, u16) = (24, 80);

/// What came out of the program.
struct Output {
    raw: Vec<u8>,
    /// When each part came, and how much there was with it.
    times: Vec<(Instant, usize)>,
    parser: vt100::Parser,
}

/// A terminal in which a program runs, which is killed when this is dropped.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    program: Box<dyn Child + Send + Sync>,
    output: Arc<Mutex<Output>>,
    before: String,
}

/// The program with these arguments, in an environment that is the same everywhere.
pub fn mctop(arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(mctop_path());
    command.args(arguments);
    // Not the home directory, which a user of another's environment may not enter.
    command.cwd("/");
    // The settings of the user who runs the tests are not part of them.
    command.env("XDG_CONFIG_HOME", "/nonexistent");
    command.env_remove("NO_COLOR");
    command.env_remove("MCTOP_SYMBOLS");
    command
}

impl Terminal {
    /// Starts `mctop` in a terminal of the usual size and kind.
    pub fn run(arguments: &[&str]) -> Self {
        Self::start(mctop(arguments), "xterm-256color", SIZE)
    }

    /// Starts a command in a terminal of a kind and a size in rows and columns.
    pub fn start(mut command: CommandBuilder, kind: &str, (rows, cols): (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(PtySize { rows, cols, ..PtySize::default() }).unwrap();
        for (name, value) in [("TERM", kind), ("LC_ALL", "C.UTF-8"), ("RUST_BACKTRACE", "0")] {
            command.env(name, value);
        }
        let before = modes(&*pair.master);
        let program = pair.slave.spawn_command(command).unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        // Where the terminal has no size, one is needed to read what was drawn.
        let parser = vt100::Parser::new(rows.max(SIZE.0), cols.max(SIZE.1), 0);
        let output = Arc::new(Mutex::new(Output { raw: Vec::new(), times: Vec::new(), parser }));
        let (mut reader, sink) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&output));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let now = Instant::now();
                let mut output = sink.lock().unwrap();
                output.raw.extend_from_slice(&buffer[..length]);
                let all = output.raw.len();
                output.times.push((now, all));
                output.parser.process(&buffer[..length]);
            }
        });
        Self { master: pair.master, keyboard, program, output, before }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap()
    }

    /// Every byte so far.
    pub fn raw(&self) -> Vec<u8> {
        self.output().raw.clone()
    }

    /// When a sequence of bytes was complete, if it has come.
    pub fn came(&self, sequence: &[u8]) -> Option<Instant> {
        let output = self.output();
        let end = output.raw.windows(sequence.len()).position(|window| window == sequence)? + sequence.len();
        output.times.iter().find(|(_, length)| *length >= end).map(|(time, _)| *time)
    }

    /// The screen.
    pub fn screen(&self) -> vt100::Screen {
        self.output().parser.screen().clone()
    }

    /// The text on the screen.
    pub fn text(&self) -> String {
        self.screen().contents()
    }

    /// The line of the column headers.
    pub fn headers(&self) -> String {
        let text = self.text();
        text.lines().find(|line| line.contains("KEY ")).unwrap_or_default().to_owned()
    }

    /// The rows below the column headers, without their ranks and without empty lines.
    pub fn rows(&self) -> Vec<String> {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.iter().position(|line| line.contains("KEY ")).map_or(lines.len(), |headers| headers + 1);
        let footer = lines.iter().rposition(|line| line.starts_with("q quit")).unwrap_or(lines.len());
        let ranked = self.headers().trim_start().starts_with('#');
        let unranked = |line: &&str| match line.trim_start().split_once(' ') {
            Some((_, row)) if ranked => row.to_owned(),
            _ => (*line).to_owned(),
        };
        lines[first.min(footer)..footer].iter().filter(|line| !line.is_empty()).map(unranked).collect()
    }

    /// Waits until something holds.
    pub fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(Instant::now() < deadline, "timed out waiting for {what}; the screen:\n{}", self.text());
            std::thread::sleep(POLL);
        }
    }

    /// Waits until a text is on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |terminal| terminal.text().contains(text));
    }

    /// Waits until the table is sorted by a column, whose header has the mark.
    pub fn wait_for_sort(&self, header: &str) {
        self.wait(header, |terminal| terminal.headers().split_whitespace().any(|word| word == header));
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Pastes, as a terminal does for a program that has enabled bracketed paste.
    pub fn paste(&mut self, text: &str) {
        assert!(self.screen().bracketed_paste(), "the program has not enabled bracketed paste");
        self.press(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Changes its size.
    pub fn resize(&self, rows: u16, cols: u16) {
        self.output().parser.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, ..PtySize::default() }).unwrap();
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.pid().cast_signed()).unwrap(), signal).unwrap();
    }

    /// The process id of the program.
    pub fn pid(&self) -> u32 {
        self.program.process_id().unwrap()
    }

    /// Whether the program has not ended.
    pub fn is_running(&mut self) -> bool {
        self.program.try_wait().unwrap().is_none()
    }

    /// Waits for the end; the exit code.
    pub fn exit_code(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.program.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "still runs; the screen:\n{}", self.text());
            std::thread::sleep(POLL);
        }
    }

    /// Waits for the end, at which the terminal must be as it was before; the exit code.
    pub fn restored(&mut self) -> u32 {
        let code = self.exit_code();
        self.wait("the alternate screen to be left", |terminal| !terminal.screen().alternate_screen());
        self.wait("the cursor", |terminal| !terminal.screen().hide_cursor());
        assert!(!self.screen().bracketed_paste(), "pasted text is still marked as such");
        let raw = self.raw();
        assert_eq!((count(&raw, ENTER), count(&raw, LEAVE)), (1, 1), "entered and left once");
        assert_eq!(modes(&*self.master), self.before, "the terminal's modes were not restored");
        code
    }

    /// Waits for the end, which must be without an error, and leave nothing on the screen.
    pub fn ended(&mut self) {
        assert_eq!(self.restored(), 0);
        assert_eq!(self.text(), "", "something was left on the screen");
    }

    /// Quits, which must be without an error, and leave nothing on the screen.
    pub fn quit(&mut self) {
        self.press("q");
        self.ended();
    }

    /// Whether the program has set the terminal up.
    pub fn is_taken(&self) -> bool {
        let screen = self.screen();
        screen.alternate_screen()
            && screen.hide_cursor()
            && screen.bracketed_paste()
            && modes(&*self.master) != self.before
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Ok(None) = self.program.try_wait() {
            let _ = self.program.kill();
            let _ = self.program.wait();
        }
    }
}

/// How often a sequence occurs.
pub fn count(raw: &[u8], sequence: &[u8]) -> usize {
    raw.windows(sequence.len()).filter(|window| *window == sequence).count()
}

/// The lines of a text as one.
pub fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}
