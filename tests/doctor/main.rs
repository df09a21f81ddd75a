//! `mctop doctor` on this host: with and without privilege, and on servers that run in unusual ways.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod exits;
mod filesystems;
mod memory;
mod selection;
mod surroundings;
mod targets;
mod unprivileged;

use mctop_test_support::program::{Said, run};
use serde_json::Value;

/// What `dump` and `doctor` print about selected servers.
fn dump_and_doctor(selection: &[&str]) -> [Said; 2] {
    [&["dump", "-d", "1ms"][..], &["doctor"]].map(|command| run(&[command, selection].concat()))
}

/// The entry of a server in a document.
fn entry(document: &Value, pid: u32) -> &Value {
    let servers = document["servers"].as_array().unwrap();
    servers.iter().find(|server| server["pid"] == pid).unwrap_or_else(|| panic!("{pid} is not in {document:#}"))
}
