//! Where the workspace and its build directory are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The workspace that `cargo xtask` was called in.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// The directory of the root Cargo.toml.
    pub root: PathBuf,
    /// Cargo's target directory, wherever the environment or a configuration puts it.
    pub target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo, from the directory of xtask's manifest when run by cargo, else from the current directory.
    pub fn find() -> Result<Self> {
        let mut command = Command::new(cargo());
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        if let Some(directory) = std::env::var_os("CARGO_MANIFEST_DIR") {
            command.current_dir(directory);
        }
        let json = process::output(&mut command)?;
        let metadata: Metadata = serde_json::from_str(&json).context("cannot parse the output of `cargo metadata`")?;
        Ok(Self { root: metadata.workspace_root, target: metadata.target_directory })
    }

    /// A command that runs the workspace's own cargo in its root.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        // Cargo sets these for a program it runs; left in place they would describe xtask to the inner cargo's children.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text == "CARGO_MANIFEST_DIR" || text == "CARGO_MANIFEST_PATH" || text.starts_with("CARGO_PKG_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Where tools built for the project are installed.
    #[must_use]
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// A path below the root.
    #[must_use]
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }
}

/// The cargo that runs xtask, else the one on PATH.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
