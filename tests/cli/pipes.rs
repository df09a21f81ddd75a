//! Readers that stop early, and outputs that cannot take any more.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::program::{FLASH_SALE, MCTOP, prepared};

/// Everything that prints without a server.
const PRINTING: &[&[&str]] = &[
    &["report", FLASH_SALE],
    &["report", FLASH_SALE, "--format", "json"],
    &["report", FLASH_SALE, "--format", "ndjson"],
    &["report", FLASH_SALE, "--format", "csv"],
    &["report", FLASH_SALE, "--format", "markdown"],
    &["man"],
    &["completions", "bash"],
    &["completions", "zsh"],
    &["completions", "fish"],
    &["--help"],
    &["--version"],
];

#[test]
fn nobody_reads() {
    for arguments in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(MCTOP);
        let output =
            command.args(*arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{arguments:?}");
    }
}

/// As `mctop report FILE --format json | head -1` does, with more output than a pipe holds.
#[test]
fn somebody_reads_one_line() {
    let mut command = Command::new(MCTOP);
    command.args(["report", FLASH_SALE, "--format", "json"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    assert_eq!(line, "{\n");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*said), (Some(0), ""));
}

#[test]
fn standard_output_is_closed() {
    for arguments in PRINTING {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-", MCTOP]).args(*arguments);
        prepared(shell).assert().code(0).stdout("").stderr("");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for arguments in PRINTING.iter().filter(|arguments| !arguments[0].starts_with("--")) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(MCTOP);
        let output =
            command.args(*arguments).stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("mctop: cannot write to standard output: No space left"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
