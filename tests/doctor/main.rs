//! `mctop doctor` on this host: with and without privilege, and on servers that run in unusual ways.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod exits;
mod filesystems;
mod memory;
mod selection;
mod surroundings;
mod unprivileged;

use serde_json::Value;

/// The entry of a server in a document.
fn entry(document: &Value, pid: u32) -> &Value {
    let servers = document["servers"].as_array().unwrap();
    servers.iter().find(|server| server["pid"] == pid).unwrap_or_else(|| panic!("{pid} is not in {document:#}"))
}
