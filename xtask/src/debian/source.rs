//! Released sources of memcached and of its build dependencies, from Debian's source packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use super::{Apt, Suite, name_of, upstream};
use crate::process;

/// An unpacked release.
#[derive(Clone, Debug)]
pub struct SourceTree {
    /// Its directory.
    pub directory: PathBuf,
    /// Its version.
    pub version: String,
    /// The name of the file it came from.
    pub tarball: String,
}

impl SourceTree {
    /// Downloads and unpacks the newest source of a package that the mirror still has in a suite, below a directory.
    pub fn unpack(apt: &Apt, suite: Suite, package: &str, below: &Path) -> Result<Self> {
        let versions = apt.versions(package, true)?;
        let mut failures = Vec::new();
        for version in &versions {
            match download(apt, package, version)
                .and_then(|tarball| extract(&tarball, package, upstream(version), below))
            {
                Ok(source) => return Ok(source),
                Err(error) => {
                    crate::interrupt::check()?;
                    failures.push(format!("{version}: {error:#}"));
                }
            }
        }
        bail!("no source of {package} in {suite} ({})", failures.join("; "));
    }
}

/// The upstream release. Debian's patches touch only the packaging and are left out, so that a mirror that lacks other files
/// of the source package will do.
fn download(apt: &Apt, package: &str, version: &str) -> Result<PathBuf> {
    let wanted = format!("{package}={version}");
    if process::succeed(&mut apt.get(&["source", "--download-only", "--tar-only", &wanted])).is_err() {
        crate::interrupt::check()?;
        bail!("listed, but the mirror does not have the file");
    }
    let prefix = format!("{package}_{}.orig.tar.", upstream(version));
    let entries = fs::read_dir(apt.downloads()).context("cannot list what was downloaded")?;
    let mut files = entries.flatten().map(|entry| entry.path());
    files
        .find(|path| name_of(path).strip_prefix(&prefix).is_some_and(|extension| !extension.contains('.')))
        .with_context(|| format!("apt downloaded no {prefix}*"))
}

fn extract(tarball: &Path, package: &str, version: &str, below: &Path) -> Result<SourceTree> {
    let directory = below.join(format!("{package}-{version}"));
    let source = SourceTree { directory, version: version.to_owned(), tarball: name_of(tarball) };
    let stamp = below.join(format!("{}.unpacked", source.tarball));
    if stamp.is_file() && source.directory.is_dir() {
        return Ok(source);
    }
    fs::create_dir_all(&source.directory).with_context(|| format!("cannot create {}", source.directory.display()))?;
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--strip-components=1", "--no-same-owner", "--file"]).arg(tarball);
    process::succeed(tar.arg("--directory").arg(&source.directory))?;
    order_times(&source.directory)?;
    fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(source)
}

/// What autotools generate, oldest first, and whether every release has it.
const GENERATED: [(&str, bool); 5] = [
    ("aclocal.m4", true),
    ("configure", true),
    ("config.h.in", true),
    ("Makefile.in", true),
    ("doc/Makefile.in", false),
];

/// Makes what autotools generated younger than what it was generated from, so that make does not ask for autotools.
fn order_times(directory: &Path) -> Result<()> {
    let now = SystemTime::now();
    for (name, always) in GENERATED {
        let path = directory.join(name);
        if !always && !path.exists() {
            continue;
        }
        let age = if name == "aclocal.m4" { 2 } else { 1 };
        let touched = fs::File::options().append(true).open(&path);
        touched
            .and_then(|file| file.set_modified(now - Duration::from_secs(age)))
            .with_context(|| format!("the release has no {name}, so it cannot be built without autotools"))?;
    }
    Ok(())
}
