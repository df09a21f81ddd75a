//! The `mctop` program as scripts see it: arguments, standard output, standard error, exit codes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arguments;
mod damage;
mod diff;
mod documentation;
mod documents;
mod examples;
mod killed;
mod note;
mod page;
mod pipes;
mod redact;
mod report;
mod settings;
mod strict;
mod symbols;
mod transcripts;
