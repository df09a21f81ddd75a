//! Checks that the page on `mctop dump` shows what it prints for a sample incident.

use clap::Parser;

use super::dump::view;
use crate::cli::{Cli, Command};
use crate::model::sample;
use crate::report::{self, Look};
use crate::text::glyphs::UNICODE;

/// What a command prints to something other than a terminal.
fn printed(command: &str) -> String {
    let words = command.split_whitespace().map(|word| word.trim_matches('\''));
    let arguments = words.skip_while(|word| *word == "sudo");
    let Ok(Cli { command: Some(Command::Dump(args)), .. }) = Cli::try_parse_from(arguments) else {
        panic!("{command} is not a dump");
    };
    let mut out = Vec::new();
    report::write(args.format, &sample::incident(), &view(&args.view), Look { width: None, glyphs: UNICODE }, &mut out)
        .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn transcripts_of_a_dump() {
    mctop_test_support::transcripts::check("dump.md", printed);
}
