//! Running `mctop` and reading what it prints.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

/// A recorded flash sale on one key, [`HOT_KEY`].
pub const FLASH_SALE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/flash-sale.capture.ndjson");

/// The hot key of [`FLASH_SALE`].
pub const HOT_KEY: &str = "podYYY:rails:NN::feature_rollout:percentages";

/// The program under test, which cargo builds into the directory above that of the test programs.
pub fn mctop_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        let own = std::env::current_exe().unwrap();
        let directory = own.ancestors().skip(1).find(|directory| !directory.ends_with("deps")).unwrap();
        text(&directory.join("mctop")).to_owned()
    });
    &PATH
}

/// The program with these arguments, in an environment that is the same everywhere.
pub fn mctop(arguments: &[&str]) -> Command {
    let mut command = prepared(mctop_path());
    command.args(arguments);
    command
}

/// A command in an environment that is the same everywhere, and without a terminal.
pub fn prepared(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("COLUMNS", "100").env("LC_ALL", "C.UTF-8").env("RUST_BACKTRACE", "0");
    // The settings of the user who runs the tests are not part of them.
    command.env("XDG_CONFIG_HOME", "/nonexistent").env_remove("MCTOP_SYMBOLS");
    command.stdin(Stdio::null());
    command
}

/// What a command printed, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs a command to its end.
pub fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Said {
    said(&mut mctop(arguments))
}

impl Said {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The document of `mctop doctor --json`.
    pub fn document(&self) -> Value {
        let document = self.json();
        assert_eq!(document["schema"], "mctop.doctor/1");
        assert_eq!(document["exit_code"], self.code, "{self:?}");
        document
    }

    /// The one paragraph with which it failed.
    pub fn paragraph(&self) -> &str {
        let paragraph = self.err.strip_suffix('\n').unwrap_or_else(|| panic!("{self:?}"));
        assert!(paragraph.starts_with("mctop: ") && !paragraph.contains(char::is_control), "{self:?}");
        paragraph
    }
}

/// Standard output of a command that must succeed and write nothing to standard error.
pub fn output(command: &mut Command) -> String {
    let said = said(command);
    assert_eq!((said.code, &*said.err), (0, ""), "{command:?}: {}", said.out);
    said.out
}

/// The document of `mctop report --format json` on a capture.
pub fn report(path: &str, more: &[&str]) -> Value {
    run(&[&["report", path, "--format", "json"], more].concat()).json()
}

/// The paragraph with which a command must refuse: one line on standard error, and nothing on standard output.
pub fn refusal(command: &mut Command, code: i32) -> String {
    let said = said(command);
    assert_eq!((said.code, &*said.out), (code, ""), "{command:?}: {}", said.err);
    let paragraph = said.paragraph();
    assert!(paragraph.ends_with(['.', ')']), "ends in the middle of a sentence: {paragraph}");
    paragraph.to_owned()
}

/// A copy of `mctop` where every user can run it: the build directory may be closed to others.
pub struct Copy {
    path: PathBuf,
    _directory: TempDir,
}

impl Default for Copy {
    fn default() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = directory.path().join("mctop");
        // By another process: a file that is open for writing in a child of this one could not be executed.
        let copied = Command::new("cp").arg(mctop_path()).arg(&path).status();
        assert!(copied.unwrap().success());
        Self { path, _directory: directory }
    }
}

impl Copy {
    /// The program, run by a user without any privilege: the one who runs the tests, or nobody where that is root.
    pub fn unprivileged(&self, arguments: &[&str]) -> Command {
        const NOBODY: u32 = 65_534;
        let mut command = prepared(&self.path);
        command.args(arguments).current_dir("/");
        if rustix::process::geteuid().is_root() {
            std::os::unix::process::CommandExt::uid(&mut command, NOBODY);
            std::os::unix::process::CommandExt::gid(&mut command, NOBODY);
        }
        command
    }
}

/// A file of this content, in a directory that lasts as long as the first part of the result.
pub fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

/// The path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
