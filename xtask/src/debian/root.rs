//! A memcached package with its libraries, unpacked into a root file system of its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Apt, Suite, USERS, extract, name_of};
use crate::process;

/// Directories that packages of suites with a merged `/usr` expect to be links.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// An unpacked memcached.
#[derive(Clone, Debug)]
pub struct Root {
    /// The root directory, for chroot(8).
    pub directory: PathBuf,
    /// The package's version.
    pub version: String,
}

impl Root {
    /// Downloads and unpacks the newest memcached of a suite that the mirror still has.
    pub fn unpack(apt: &Apt, suite: Suite, directory: PathBuf) -> Result<Self> {
        let versions = apt.versions("memcached", false)?;
        let mut failures = Vec::new();
        for version in &versions {
            let attempt = download(apt, version).and_then(|packages| fill(&directory, &packages));
            match attempt {
                Ok(()) => return Ok(Self { directory, version: version.clone() }),
                Err(error) => {
                    crate::interrupt::check()?;
                    failures.push(format!("{version}: {error:#}"));
                }
            }
        }
        bail!("no package of memcached in {suite} ({})", failures.join("; "));
    }

    /// Path of the program outside the root.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.directory.join("usr/bin/memcached")
    }

    /// The command line that runs this memcached.
    #[must_use]
    pub fn start(&self) -> Vec<String> {
        vec!["chroot".into(), self.directory.display().to_string(), "/usr/bin/memcached".into()]
    }
}

/// The files of the package and of the libraries that it depends on, with what these depend on. Other dependencies (a
/// scripting language, tools to add users) are for its installation.
fn download(apt: &Apt, version: &str) -> Result<Vec<PathBuf>> {
    let package = format!("memcached={version}");
    process::succeed(&mut apt.get(&["download", &package]))?;
    let libraries = libraries(&apt.cache(&["show", &package])?);
    if libraries.is_empty() {
        bail!("the package {package} depends on no libraries");
    }
    let mut install = apt.get(&["install", "--yes", "--download-only", "--no-install-recommends"]);
    process::succeed(install.args(&libraries))?;
    let mut packages: Vec<PathBuf> = packages(&apt.archives())?;
    packages.extend(self::packages(&apt.downloads())?.into_iter().filter(|path| is_of(path, version)));
    Ok(packages)
}

/// Names of the libraries in the `Depends` field of a package's description; of alternatives, the first.
fn libraries(description: &str) -> Vec<String> {
    let field = description.lines().find_map(|line| line.strip_prefix("Depends:")).unwrap_or_default();
    let names = field.split(',').filter_map(|dependency| dependency.split_whitespace().next());
    names.filter(|name| name.starts_with("lib")).map(str::to_owned).collect()
}

/// Whether a file is memcached's package of a version; apt writes the colon of an epoch as %3a.
fn is_of(path: &Path, version: &str) -> bool {
    name_of(path).replace("%3a", ":").starts_with(&format!("memcached_{version}_"))
}

fn packages(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
        .collect();
    files.sort();
    Ok(files)
}

/// Unpacks into an empty directory, unless it has exactly these packages.
fn fill(directory: &Path, packages: &[PathBuf]) -> Result<()> {
    let stamp = directory.with_extension("packages");
    let names = packages.iter().map(|path| name_of(path)).collect::<Vec<_>>().join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|unpacked| unpacked == names) && directory.is_dir() {
        return Ok(());
    }
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    for package in packages {
        extract(package, directory)?;
    }
    for name in MERGED {
        let path = directory.join(name);
        if !path.exists() && directory.join("usr").join(name).is_dir() {
            symlink(format!("usr/{name}"), &path).with_context(|| format!("cannot create {}", path.display()))?;
        }
    }
    let etc = directory.join("etc");
    fs::create_dir_all(&etc)
        .and_then(|()| fs::write(etc.join("passwd"), USERS))
        .with_context(|| format!("cannot write into {}", etc.display()))?;
    fs::write(&stamp, names).with_context(|| format!("cannot write {}", stamp.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_a_package() {
        let description =
            "Package: memcached\nDepends: adduser, perl, systemd | libx, libc6 (>= 2.38), libevent-2.1-7t64\n";
        assert_eq!(libraries(description), ["libc6", "libevent-2.1-7t64"]);
        assert!(libraries("Package: x\n").is_empty());
    }

    #[test]
    fn packages_of_a_version() {
        assert!(is_of(Path::new("/d/memcached_1.6.18-1_amd64.deb"), "1.6.18-1"));
        assert!(is_of(Path::new("memcached_2%3a1.6.18-1_amd64.deb"), "2:1.6.18-1"));
        assert!(!is_of(Path::new("memcached_1.6.18-1+deb12u1_amd64.deb"), "1.6.18-1"));
    }
}
