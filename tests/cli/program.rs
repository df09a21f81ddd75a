//! Running the program and reading its refusals.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use tempfile::TempDir;

/// The program under test.
pub const MCTOP: &str = env!("CARGO_BIN_EXE_mctop");

/// A recorded flash sale on one key, [`HOT_KEY`].
pub const FLASH_SALE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/flash-sale.capture.ndjson");
pub const HOT_KEY: &str = "podYYY:rails:NN::feature_rollout:percentages";

/// The program with these arguments, in an environment that is the same everywhere.
pub fn mctop(arguments: &[&str]) -> Command {
    let mut command = std::process::Command::new(MCTOP);
    command.args(arguments);
    prepared(command)
}

/// A command in an environment that is the same everywhere, and without a terminal.
pub fn prepared(mut command: std::process::Command) -> Command {
    command.env("COLUMNS", "100").env("LC_ALL", "C.UTF-8").env("RUST_BACKTRACE", "0");
    // The settings of whoever runs the tests are not part of them.
    command.env("XDG_CONFIG_HOME", "/nonexistent").env_remove("MCTOP_SYMBOLS");
    let mut command = Command::from_std(command);
    command.write_stdin("");
    command
}

/// The program, run by a user without any privilege: the one who runs the tests, or nobody where that is root.
pub fn unprivileged(arguments: &[&str]) -> (TempDir, Command) {
    const NOBODY: u32 = 65_534;
    // The build directory may be closed to others.
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = directory.path().join("mctop");
    std::fs::copy(MCTOP, &program).unwrap();
    // A process that another test starts meanwhile holds the copy open for writing until it executes its own program.
    let busy = |program: &Path| {
        let tried = std::process::Command::new(program).arg("--version").output();
        tried.is_err_and(|error| error.kind() == std::io::ErrorKind::ExecutableFileBusy)
    };
    for _ in 0..500 {
        if !busy(&program) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let mut command = std::process::Command::new(&program);
    command.args(arguments).current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    (directory, prepared(command))
}

/// Standard output of a command that must succeed in silence.
pub fn output(command: &mut Command) -> String {
    let output = command.assert().success().stderr("").get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

/// The paragraph with which a command must refuse: one line on standard error, and nothing on standard output.
pub fn refusal(command: &mut Command, code: i32) -> String {
    let output = command.assert().code(code).stdout("").get_output().clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let paragraph = stderr.strip_suffix('\n').unwrap();
    assert!(paragraph.starts_with("mctop: "), "{paragraph:?}");
    assert!(!paragraph.contains(char::is_control), "{paragraph:?}");
    assert!(paragraph.ends_with(['.', ')']), "ends in the middle of a sentence: {paragraph}");
    paragraph.to_owned()
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
