//! The `mctop` program as scripts see it: arguments, standard output, standard error, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arguments;
mod captures;
mod damage;
mod diff;
mod documentation;
mod documents;
mod killed;
mod note;
mod page;
mod pipes;
mod program;
mod redact;
mod report;
#[allow(dead_code, reason = "shared with another test program, which needs the rest")]
mod requirement;
mod settings;
mod strict;
mod symbols;
mod targets;
mod transcripts;
