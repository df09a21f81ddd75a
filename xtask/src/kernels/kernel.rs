//! A kernel of a distribution, unpacked.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::debian::{Apt, Suite};

/// The package that depends on a suite's current kernel for virtual machines.
const fn current(suite: Suite) -> &'static str {
    match suite {
        Suite::Jammy => "linux-image-virtual",
        Suite::Bullseye | Suite::Bookworm | Suite::Trixie | Suite::Sid => "linux-image-cloud-amd64",
    }
}

/// The start of the name of a package with a kernel.
const IMAGE: &str = "linux-image-";

/// The start of the name of a package with only the bootable file.
const BINARY: &str = "linux-binary-";

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub struct BootableKernel {
    /// Where it is from.
    pub origin: String,
    /// The bootable file.
    pub file: PathBuf,
    /// Whether it has what mctop needs.
    pub is_supported: bool,
}

impl BootableKernel {
    /// Downloads and unpacks the current kernel of a suite.
    pub fn fetch(apt: &Apt, suite: Suite, directory: &Path) -> Result<Self> {
        let current = current(suite);
        let package = holder(apt, current, IMAGE)?
            .with_context(|| format!("the package {current} of {suite} depends on no kernel"))?;
        let mut packages = vec![package.clone()];
        packages.extend(holder(apt, &package, BINARY)?);
        let unpacked = directory.join(&package);
        if !unpacked.is_dir() {
            unpack(apt, &packages, directory, &unpacked)?;
        }
        let origin = format!("{suite}, {package}");
        let Some(file) = find(&unpacked)? else { bail!("there is no kernel in {}", packages.join(" and ")) };
        // Linux 5.10 has no attach cookies.
        Ok(Self { origin, file, is_supported: suite != Suite::Bullseye })
    }
}

/// The first dependency of a package whose name starts with `start`.
fn holder(apt: &Apt, package: &str, start: &str) -> Result<Option<String>> {
    let said = apt.cache(&["depends", "--important", package])?;
    let names = said.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    Ok(names.map(str::trim).find(|name| name.starts_with(start)).map(str::to_owned))
}

/// Unpacks into a fresh directory, which is renamed when it is complete; directories of other kernels are removed.
fn unpack(apt: &Apt, packages: &[String], directory: &Path, to: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    let fresh = directory.join("fresh");
    for package in packages {
        apt.unpack(package, &fresh)?;
    }
    fs::rename(&fresh, to).with_context(|| format!("cannot rename {}", fresh.display()))
}

/// The bootable file of an unpacked package: in `/boot`, or with its modules.
fn find(unpacked: &Path) -> Result<Option<PathBuf>> {
    let modules = fs::read_dir(unpacked.join("usr/lib/modules")).into_iter().flatten().flatten();
    let directories = std::iter::once(unpacked.join("boot")).chain(modules.map(|entry| entry.path()));
    for directory in directories.filter(|directory| directory.is_dir()) {
        let entries = fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))?;
        let mut files = entries.flatten().map(|entry| entry.path());
        let is_kernel = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("vmlinuz"));
        if let Some(file) = files.find(is_kernel) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_found_where_packages_have_it() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(find(directory.path()).unwrap(), None);
        let modules = directory.path().join("usr/lib/modules/7.2.13");
        fs::create_dir_all(&modules).unwrap();
        fs::write(modules.join("vmlinuz"), "").unwrap();
        assert_eq!(find(directory.path()).unwrap(), Some(modules.join("vmlinuz")));
        let boot = directory.path().join("boot");
        fs::create_dir_all(&boot).unwrap();
        fs::write(boot.join("config-6.1"), "").unwrap();
        fs::write(boot.join("vmlinuz-6.1"), "").unwrap();
        assert_eq!(find(directory.path()).unwrap(), Some(boot.join("vmlinuz-6.1")));
    }
}
