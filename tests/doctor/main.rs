//! `mctop doctor` on this very host: with and without privilege, and on servers that are run in every odd way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod exits;
mod filesystems;
mod memory;
#[allow(dead_code, reason = "shared with another test program, which needs the rest")]
#[path = "../live/observer.rs"]
mod observer;
mod program;
#[path = "../cli/requirement.rs"]
mod requirement;
#[allow(dead_code, reason = "shared with another test program, which needs the rest")]
#[path = "../schema.rs"]
mod schema;
mod selection;
mod server;
mod surroundings;
mod unprivileged;
