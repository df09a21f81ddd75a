//! `cargo xtask ebpf verify`: proves that the committed objects match the sources.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::build::{self, Objects};
use super::manifest::Manifest;
use super::toolchain::{Toolchain, ToolchainKind};
use super::{Arch, OBJECT_DIR, sources};
use crate::process;
use crate::test;
use crate::workspace::Workspace;

/// Environment variable that makes mctop load another object than its embedded one.
const OBJECT_VARIABLE: &str = "MCTOP_BPF_OBJECT";

/// Verifies the objects and prints the result.
///
/// # Errors
/// When the manifest, the sources and the committed objects do not match, when a rebuild by the same toolchain
/// gives other bytes, or when a rebuild by another toolchain does not pass the live tests that the committed object passes.
pub fn run(workspace: &Workspace) -> Result<()> {
    let manifest = Manifest::read(workspace)?;
    let found = sources::hash(&workspace.root)?;
    if found != manifest.source_sha256 {
        bail!(
            "the eBPF sources changed since the committed objects were built (SHA-256 {found}, the manifest says {}): run \
             `cargo xtask ebpf build` and commit {OBJECT_DIR}",
            manifest.source_sha256
        );
    }
    let committed = manifest.committed(workspace)?;
    println!("verify: sources and committed objects match the manifest");

    let toolchain = find_toolchain(workspace, manifest.built_with.toolchain)?;
    eprintln!("verify: rebuilding with {toolchain}");
    let rebuilt = build::all(workspace, &toolchain)?;
    let directory = keep(workspace, &rebuilt)?;

    let differences = manifest.built_with.differences(&toolchain.versions);
    if differences.is_empty() {
        compare(&committed, &rebuilt, &directory)?;
        println!("verify: rebuilt byte for byte by the toolchain of the manifest");
        return Ok(());
    }
    println!("verify: NOT COMPARED BYTE FOR BYTE: this toolchain is not the manifest's (manifest's and this one):");
    for difference in &differences {
        println!("verify:   {difference}");
    }
    println!("verify: so the live tests must pass with both objects; only this machine's architecture can be run");
    let arch = Arch::of_host()
        .with_context(|| format!("there is no object for this architecture, {}", std::env::consts::ARCH))?;
    test::demand_live()?;
    for (which, path) in [
        ("committed", workspace.path(OBJECT_DIR).join(arch.file_name())),
        ("rebuilt", directory.join(arch.file_name())),
    ] {
        println!("verify: live tests with the {which} object");
        let mut tests = workspace.cargo();
        tests.args(["test", "--locked", "--package", "mctop", "--test", "live", "--", "--include-ignored"]);
        tests.env(OBJECT_VARIABLE, &path);
        process::succeed(&mut tests).with_context(|| format!("the live tests fail with the {which} object"))?;
    }
    println!("verify: the committed and the rebuilt object for {} both pass the live tests", arch.name());
    Ok(())
}

/// The toolchain of the kind that built the committed objects, else any.
fn find_toolchain(workspace: &Workspace, built_with: ToolchainKind) -> Result<Toolchain> {
    Toolchain::find(workspace, Some(built_with)).or_else(|_| Toolchain::find(workspace, None))
}

/// Writes the rebuilt objects to the build directory, to run or inspect them.
fn keep(workspace: &Workspace, objects: &Objects) -> Result<PathBuf> {
    let directory = workspace.target.join("bpf/rebuilt");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    for (arch, object) in objects {
        let path = directory.join(arch.file_name());
        fs::write(&path, object).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(directory)
}

fn compare(committed: &Objects, rebuilt: &Objects, directory: &Path) -> Result<()> {
    for (arch, ours) in committed {
        let name = arch.file_name();
        let theirs = rebuilt.get(arch).with_context(|| format!("{name} was not rebuilt"))?;
        if let Some(at) = first_difference(ours, theirs) {
            bail!(
                "the committed {name} is not what the sources and this same toolchain give: the first difference is at byte \
                 {at} ({} and {} bytes; the rebuilt one is {}). Run `cargo xtask ebpf build` and look at what changed",
                ours.len(),
                theirs.len(),
                directory.join(&name).display()
            );
        }
    }
    Ok(())
}

/// Offset of the first byte at which two files differ.
fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let common = a.iter().zip(b).position(|(a, b)| a != b);
    common.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_difference() {
        assert_eq!(first_difference(b"abc", b"abc"), None);
        assert_eq!(first_difference(b"abc", b"axc"), Some(1));
        assert_eq!(first_difference(b"abc", b"ab"), Some(2));
    }

    #[test]
    fn a_changed_object_is_refused() {
        let object = |byte| Objects::from([(Arch::X86_64, vec![0, byte])]);
        assert!(compare(&object(1), &object(1), Path::new("x")).is_ok());
        assert!(compare(&object(1), &object(2), Path::new("x")).is_err());
    }
}
