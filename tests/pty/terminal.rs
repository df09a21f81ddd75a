//! A pseudo-terminal with the program in it, and a screen that shows what a terminal would.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// Until a test gives up: far more than a busy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

const ENTER: &[u8] = b"\x1b[?1049h";
const LEAVE: &[u8] = b"\x1b[?1049l";

/// What came out of the program.
struct Output {
    raw: Vec<u8>,
    parser: vt100::Parser,
}

/// A terminal in which the program runs. Ends the program when dropped.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn Write + Send>,
    program: Box<dyn Child + Send + Sync>,
    output: Arc<Mutex<Output>>,
    before: String,
}

impl Terminal {
    /// Starts the program in a terminal of 24 rows and 80 columns.
    pub fn run(arguments: &[&str]) -> Self {
        // Not the home directory, which a user of another's environment may not enter.
        Self::run_in(Path::new("/"), arguments)
    }

    /// The same in a directory.
    pub fn run_in(directory: &Path, arguments: &[&str]) -> Self {
        Self::start(directory, arguments, PtySize { rows: 24, cols: 80, ..PtySize::default() }, "xterm-256color")
    }

    /// In a terminal of another kind.
    pub fn run_on(kind: &str, arguments: &[&str]) -> Self {
        Self::start(Path::new("/"), arguments, PtySize { rows: 24, cols: 80, ..PtySize::default() }, kind)
    }

    /// In a terminal whose size nobody has set.
    pub fn run_unsized(arguments: &[&str]) -> Self {
        Self::start(Path::new("/"), arguments, PtySize { rows: 0, cols: 0, ..PtySize::default() }, "xterm-256color")
    }

    fn start(directory: &Path, arguments: &[&str], size: PtySize, kind: &str) -> Self {
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mctop"));
        command.args(arguments);
        command.cwd(directory);
        // The settings of whoever runs the tests are not part of them.
        command.env("XDG_CONFIG_HOME", "/nonexistent");
        for (name, value) in [("TERM", kind), ("LC_ALL", "C.UTF-8"), ("RUST_BACKTRACE", "0")] {
            command.env(name, value);
        }
        command.env_remove("NO_COLOR");
        command.env_remove("MCTOP_SYMBOLS");
        let before = modes(&*pair.master);
        let program = pair.slave.spawn_command(command).unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        let output = Arc::new(Mutex::new(Output { raw: Vec::new(), parser: vt100::Parser::new(24, 80, 0) }));
        let (mut reader, sink) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&output));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let mut output = sink.lock().unwrap();
                output.raw.extend_from_slice(&buffer[..length]);
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

    /// What is to be seen.
    pub fn screen(&self) -> vt100::Screen {
        self.output().parser.screen().clone()
    }

    /// What is to be read on the screen.
    pub fn text(&self) -> String {
        self.screen().contents()
    }

    /// The line of the column headers.
    pub fn headers(&self) -> String {
        let text = self.text();
        text.lines().find(|line| line.contains("KEY ")).unwrap_or_default().to_owned()
    }

    /// The rows below the column headers, without their ranks and what a shorter table leaves empty.
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
            assert!(Instant::now() < deadline, "waited in vain: {what}; the screen:\n{}", self.text());
            std::thread::sleep(POLL);
        }
    }

    /// Waits until a text is to be read.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |terminal| terminal.text().contains(text));
    }

    /// Waits until a column has the mark of sorting.
    pub fn wait_for_sort(&self, header: &str) {
        self.wait(header, |terminal| terminal.headers().split_whitespace().any(|word| word == header));
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Pastes, as a terminal does for a program that has asked to be told.
    pub fn paste(&mut self, text: &str) {
        assert!(self.screen().bracketed_paste(), "the program has not asked to be told of pastes");
        self.press(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Takes another size.
    pub fn resize(&self, rows: u16, cols: u16) {
        self.output().parser.screen_mut().set_size(rows, cols);
        self.master.resize(PtySize { rows, cols, ..PtySize::default() }).unwrap();
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.program.process_id().and_then(|pid| Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
        kill_process(pid, signal).unwrap();
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

    /// Waits for the end, which must be without an error, and leave the terminal as it was.
    pub fn ended(&mut self) {
        let code = self.exit_code();
        self.wait("the alternate screen to be left", |terminal| !terminal.screen().alternate_screen());
        self.wait("the cursor", |terminal| !terminal.screen().hide_cursor());
        assert!(!self.screen().bracketed_paste(), "pasted text is still marked as such");
        let raw = self.raw();
        assert_eq!((count(&raw, ENTER), count(&raw, LEAVE)), (1, 1), "entered and left once");
        assert_eq!(self.text(), "", "something was left on the screen");
        assert_eq!(modes(&*self.master), self.before, "the terminal's modes were not restored");
        assert_eq!(code, 0);
    }

    /// Whether the program has the terminal as it needs it.
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

/// How often something is found.
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
