//! The first file system of the virtual machines: mctop, its live tests, memcached and a shell.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::debian::USERS;
use crate::matrix::live::Tests;
use crate::process;
use crate::workspace::Workspace;

/// The first process.
const INIT: &str = include_str!("init.sh");

/// The tests that are run: those that use each eBPF program and map once, because emulated machines are slow.
const TESTS: [&str; 9] = [
    "budget::lookups_after_the_command_probe",
    "budget::what_is_not_watched",
    "evictions::",
    "exact::keys_of_any_length",
    "exact::sizes_are_right_without_cas_numbers",
    "fallbacks::",
    "key_detail::calls_are_attributed",
    "harmless::no_breakpoint_is_left",
    "operations::",
];

/// Writes it as an archive that the kernel unpacks into memory.
pub fn make(workspace: &Workspace, tests: &Tests, memcached: &Path, below: &Path) -> Result<PathBuf> {
    tests.demand(&TESTS)?;
    let root = below.join("root");
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    // The tests find mctop beside themselves, and what they compare documents with in the workspace.
    let mctop = workspace.target.join("debug/mctop");
    for directory in ["bin", "usr/bin", "proc", "sys", "dev", "tmp", "etc"].map(Path::new) {
        create(&root.join(directory))?;
    }
    create(&inside(&root, &workspace.path(".")))?;
    process::succeed(
        Command::new("cp").arg("-r").arg(workspace.path("docs")).arg(inside(&root, &workspace.path("."))),
    )?;
    copy(Path::new("/bin/busybox"), &root.join("bin/busybox"))?;
    copy(memcached, &inside(&root, memcached))?;
    let programs = [(tests.program(), root.join("bin/live")), (&*mctop, root.join("bin/mctop"))];
    for (program, to) in &programs {
        process::succeed(Command::new("strip").args(["--strip-debug", "-o"]).args([to, *program]))?;
    }
    for program in [memcached, tests.program(), &mctop] {
        for library in libraries(program)? {
            copy(&library, &inside(&root, &library))?;
        }
    }
    write(&root.join("etc/passwd"), USERS)?;
    write(&root.join("tests"), &TESTS.join("\n"))?;
    write(&root.join("init"), INIT)?;
    for (path, mode) in [("init", 0o755), ("tmp", 0o1777)] {
        fs::set_permissions(root.join(path), Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the mode of /{path}"))?;
    }
    let archive = below.join("disk.cpio");
    let to = File::create(&archive).with_context(|| format!("cannot create {}", archive.display()))?;
    let mut pack = Command::new("sh");
    pack.args(["-c", "find . | cpio --create --format=newc --quiet"]).current_dir(&root).stdout(to);
    process::succeed(&mut pack)?;
    Ok(archive)
}

/// The path of a file of this machine in the file system.
fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn create(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    create(to.parent().context("a file has no directory")?)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The libraries of a program, including its loader.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let said = process::output(Command::new("ldd").arg(program))?;
    Ok(said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}
