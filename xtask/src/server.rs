//! A private memcached for demos and measurements.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
pub use mctop_test_support::server::{MEMCACHED, Server};

/// The memcached of this machine, if there is one.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(PathBuf::from(MEMCACHED))
        .chain(std::env::split_paths(&path).map(|directory| directory.join("memcached")))
        .find(|program| program.is_file())
}

/// Starts `program` on a free port and waits until it listens.
pub fn start(program: &Path, options: &[&str]) -> Result<Server> {
    let command = || {
        let mut command = Command::new(program);
        // Out of the terminal's foreground group: ^C is for xtask, which then stops the server after its clients.
        command.process_group(0);
        command
    };
    Server::try_start(command, options)
}
