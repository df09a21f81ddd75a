//! A memcached server for the demo and the live tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::apt;
use crate::server;

/// Finds memcached; installs Debian's package when it is missing and xtask runs as root.
pub fn find() -> Result<PathBuf> {
    if let Some(program) = server::program() {
        return Ok(program);
    }
    let by_hand = "memcached is not installed. Install it with\n  \
                   Debian, Ubuntu:        sudo apt-get install memcached\n  \
                   Fedora, RHEL, Rocky:   sudo dnf install memcached\n  \
                   openSUSE:              sudo zypper install memcached\n  \
                   Arch:                  sudo pacman -S memcached\n  \
                   Alpine:                sudo apk add memcached\n\
                   and run this again (as root on Debian and Ubuntu this command does it itself)";
    if !apt::is_usable() {
        bail!("{by_hand}");
    }
    let before = running();
    let installed = apt::install(&["memcached"]);
    stop_new(&before);
    installed.context(by_hand)?;
    server::program().context("the package memcached is installed, but /usr/bin/memcached is not there")
}

/// Stops servers that the package's installation started despite the policy; they cannot be anyone else's, since the program
/// did not exist before.
fn stop_new(before: &BTreeSet<i32>) {
    for pid in running().difference(before) {
        eprintln!("setup: stopping the memcached service that the package started (pid {pid})");
        if let Some(pid) = Pid::from_raw(*pid) {
            // It may have exited already.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

/// Processes that run the packaged memcached.
fn running() -> BTreeSet<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return BTreeSet::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == Path::new(server::MEMCACHED))
    })
    .collect()
}
