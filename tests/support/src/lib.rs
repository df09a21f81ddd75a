//! What mctop's tests and `cargo xtask` share.
//!
//! Functions panic when they fail, except those whose names start with `try_`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod captures;
pub mod client;
pub mod expected;
#[cfg(feature = "schema")]
pub mod observer;
pub mod program;
pub mod requirements;
#[cfg(feature = "schema")]
pub mod schema;
pub mod server;
#[cfg(feature = "terminal")]
pub mod terminal;
pub mod transcripts;
pub mod version;

use std::path::{Path, PathBuf};

/// The path of a file of the workspace.
pub fn workspace(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join(path)
}
