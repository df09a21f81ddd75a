//! Readers that stop early, and outputs that are full.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use mctop_test_support::program::{FLASH_SALE, mctop, mctop_path, output, prepared};

/// Commands that print without a server.
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
fn a_pipe_without_a_reader_is_no_error() {
    for arguments in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = mctop(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]), "{arguments:?}");
    }
}

/// As `mctop report FILE --format json | head -1` does, with more output than a pipe holds.
#[test]
fn a_reader_of_one_line_is_no_error() {
    let mut command = mctop(&["report", FLASH_SALE, "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
fn a_closed_standard_output_is_no_error() {
    for arguments in PRINTING {
        let mut shell = prepared("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" >&-", mctop_path()]).args(*arguments);
        assert_eq!(output(&mut shell), "");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for arguments in PRINTING.iter().filter(|arguments| !arguments[0].starts_with("--")) {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = mctop(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("mctop: cannot write to standard output: No space left"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
