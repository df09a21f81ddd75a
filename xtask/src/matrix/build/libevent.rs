//! libevent for a C library for which Debian has no package of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Compiler, jobs, step};
use crate::debian::SourceTree;

/// Builds it for a compiler's C library into a directory below `below`, unless it was built before. Returns the directory for
/// memcached's `--with-libevent`.
pub fn build(source: &SourceTree, compiler: &Compiler, below: &Path) -> Result<PathBuf> {
    let directory = below.join(format!("libevent-{}-{}", source.version, compiler.program));
    let (prefix, stamp) = (directory.join("installed"), directory.join("built"));
    let key = format!("{}\n{}\n", source.tarball, compiler.version);
    if fs::read_to_string(&stamp).is_ok_and(|of| of == key) && prefix.is_dir() {
        return Ok(prefix);
    }
    eprintln!("matrix: building libevent {} with {}", source.version, compiler.program);
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    let tree = directory.join("tree");
    fs::create_dir_all(&tree).with_context(|| format!("cannot create {}", tree.display()))?;
    let log = directory.join("log");
    let mut configure = Command::new(source.directory.join("configure"));
    configure.args(["--quiet", "--disable-dependency-tracking", "--disable-shared", "--disable-openssl"]);
    configure.args(["--disable-samples", "--disable-libevent-regress", "--disable-debug-mode"]);
    configure.arg(format!("--prefix={}", prefix.display()));
    configure.arg(format!("CC={}", compiler.program)).arg("CFLAGS=-O2 -w");
    step(configure.current_dir(&tree), &log)?;
    step(Command::new("make").arg(format!("-j{}", jobs())).arg("install").current_dir(&tree), &log)?;
    fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    fs::write(&stamp, key).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(prefix)
}
