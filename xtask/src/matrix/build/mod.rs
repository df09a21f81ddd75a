//! memcached compiled from source.

mod compiler;
pub mod flavour;
pub mod libevent;

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

pub use compiler::{Compiler, Compilers, strip};
use flavour::Flavour;

use crate::debian::SourceTree;
use crate::process;

/// How much of a failed build's output is shown.
const LOG_TAIL: usize = 2_000;

/// A build: the same code with symbols and debug information, and without.
#[derive(Clone, Debug)]
pub struct Built {
    /// As the linker made it.
    pub unstripped: PathBuf,
    /// As distributions install it.
    pub stripped: PathBuf,
}

/// The tools of a build.
#[derive(Clone, Copy, Debug)]
pub struct BuildTools<'a> {
    /// The compiler.
    pub compiler: &'a Compiler,
    /// Where libevent is installed, unless it is the system's.
    pub libevent: Option<&'a Path>,
}

/// Builds a source with a flavour into a directory below `below`, unless it was built before.
pub fn build(source: &SourceTree, flavour: &Flavour, tools: BuildTools<'_>, below: &Path, keep: bool) -> Result<Built> {
    let BuildTools { compiler, libevent } = tools;
    let directory = below.join(format!("{}-{}", source.version, flavour.name));
    let built = Built { unstripped: directory.join("memcached"), stripped: directory.join("memcached.stripped") };
    let stamp = directory.join("built");
    let key = format!("{}\n{}\n{}\n", source.tarball, compiler.version, flavour.flags());
    if fs::read_to_string(&stamp).is_ok_and(|of| of == key) && built.unstripped.is_file() && built.stripped.is_file() {
        return Ok(built);
    }
    eprintln!("matrix: building memcached {} with {} {}", source.version, compiler.program, flavour.flags());
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    let tree = directory.join("tree");
    fs::create_dir_all(&tree).with_context(|| format!("cannot create {}", tree.display()))?;
    let log = directory.join("log");
    let mut configure = Command::new(source.directory.join("configure"));
    configure.args(["--quiet", "--disable-dependency-tracking", "--disable-docs"]);
    configure.arg(format!("CC={}", compiler.program));
    // Old releases treat warnings as errors, and newer compilers have more warnings.
    configure.arg(format!("CFLAGS={} -w", flavour.cflags)).arg(format!("LDFLAGS={}", flavour.ldflags));
    configure.args(libevent.map(|installed| format!("--with-libevent={}", installed.display())));
    step(configure.current_dir(&tree), &log)?;
    step(Command::new("make").arg(format!("-j{}", jobs())).arg("memcached").current_dir(&tree), &log)?;
    fs::rename(tree.join("memcached"), &built.unstripped).context("make made no memcached")?;
    strip(&built.unstripped, &built.stripped)?;
    if !keep {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    fs::write(&stamp, key).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(built)
}

/// How many compilers run at once.
fn jobs() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs a step of a build with its output in a file.
fn step(command: &mut Command, log: &Path) -> Result<()> {
    let file = fs::File::options().create(true).append(true).open(log);
    let file = file.with_context(|| format!("cannot write {}", log.display()))?;
    let stderr = file.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file).stderr(stderr);
    let status = process::status(command)?;
    if !status.success() {
        let said = fs::read(log).unwrap_or_default();
        let tail =
            String::from_utf8_lossy(said.get(said.len().saturating_sub(LOG_TAIL)..).unwrap_or_default()).into_owned();
        bail!("`{}` failed ({status}):\n{tail}", process::display(command));
    }
    Ok(())
}
