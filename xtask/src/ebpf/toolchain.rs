//! Finds a complete toolchain for the BPF target and its versions.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::rustc_wrapper::TARGET;
use crate::process;
use crate::workspace::Workspace;

/// Where the compiler comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ToolchainKind {
    /// rustup's nightly with its `rust-src` component; builds `core` itself.
    Rustup,
    /// Debian's rustc-web, cargo-web and libstd-rust-web-dev-bpf, which has a prebuilt `core`.
    Debian,
}

impl ToolchainKind {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 2] = [Self::Rustup, Self::Debian];
}

impl fmt::Display for ToolchainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rustup => "rustup's nightly with rust-src",
            Self::Debian => "Debian's rustc-web",
        })
    }
}

/// Everything that the bytes of an object depend on besides its sources and lock file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Where the compiler comes from.
    pub toolchain: ToolchainKind,
    /// Release of rustc.
    pub rustc: String,
    /// Commit of rustc.
    pub rustc_commit: String,
    /// LLVM of rustc.
    pub rustc_llvm: String,
    /// Release of bpf-linker.
    pub bpf_linker: String,
    /// LLVM of bpf-linker, which generates the code.
    pub bpf_linker_llvm: String,
}

impl Versions {
    /// The components that differ, each as one line.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let rows = |of: &Self| {
            [
                ("toolchain", of.toolchain.to_string()),
                ("rustc", of.rustc.clone()),
                ("rustc commit", of.rustc_commit.clone()),
                ("LLVM of rustc", of.rustc_llvm.clone()),
                ("bpf-linker", of.bpf_linker.clone()),
                ("LLVM of bpf-linker", of.bpf_linker_llvm.clone()),
            ]
        };
        let pairs = rows(self).into_iter().zip(rows(other));
        pairs.filter(|(a, b)| a != b).map(|((name, a), (_, b))| format!("{name}: {a} and {b}")).collect()
    }
}

/// A rustc and the LLVM it was built with.
struct RustCompiler {
    release: String,
    commit: String,
    llvm: String,
}

/// A toolchain that can build the objects.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The cargo to build with.
    pub cargo: PathBuf,
    /// The rustc to build with.
    pub rustc: PathBuf,
    /// The bpf-linker to link with.
    pub linker: PathBuf,
    /// Sources of the standard library, when `core` has to be built.
    pub rust_src: Option<PathBuf>,
    /// Versions of its components.
    pub versions: Versions,
}

impl Toolchain {
    /// The toolchain of the wanted kind, or the first that is complete.
    pub fn find(workspace: &Workspace, wanted: Option<ToolchainKind>) -> Result<Self> {
        let kinds = wanted.map_or_else(|| ToolchainKind::ALL.to_vec(), |kind| vec![kind]);
        let mut lacking = Vec::new();
        for kind in kinds {
            match Self::of_kind(workspace, kind) {
                Ok(toolchain) => return Ok(toolchain),
                Err(error) => lacking.push(format!("  {kind}: {error:#}")),
            }
        }
        bail!(
            "no toolchain here can build the eBPF objects:\n{}\nTo get one: `cargo xtask setup ebpf` as root on Debian, or \
             `rustup toolchain install nightly --component rust-src` and `cargo install bpf-linker`. \
             (Building mctop itself needs none of this: the objects are committed.)",
            lacking.join("\n")
        );
    }

    fn of_kind(workspace: &Workspace, kind: ToolchainKind) -> Result<Self> {
        let compiler = compiler(kind)?;
        let described = describe(&compiler.rustc)?;
        let sources = Path::new("/usr/src").join(format!("rustc-{}", described.release));
        if compiler.rust_src.is_none() && sources.exists() {
            // A prebuilt `core` names its source files there, no remapping reaches them, and LLVM copies the text of every
            // line that it can read into the BTF: the object's bytes would depend on whether the sources are installed.
            bail!("{} exists, which changes the object; remove the package rust-web-src", sources.display());
        }
        let linker = linker(workspace)?;
        if major(&linker.llvm) < major(&described.llvm) {
            bail!(
                "bpf-linker at {} has LLVM {}, older than the LLVM {} of rustc {}, whose bitcode it could not read",
                linker.path.display(),
                linker.llvm,
                described.llvm,
                described.release
            );
        }
        let versions = Versions {
            toolchain: kind,
            rustc: described.release,
            rustc_commit: described.commit,
            rustc_llvm: described.llvm,
            bpf_linker: linker.release,
            bpf_linker_llvm: linker.llvm,
        };
        Ok(Self {
            cargo: compiler.cargo,
            rustc: compiler.rustc,
            linker: linker.path,
            rust_src: compiler.rust_src,
            versions,
        })
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Versions { toolchain, rustc, rustc_llvm, bpf_linker, bpf_linker_llvm, .. } = &self.versions;
        write!(
            f,
            "{toolchain}: rustc {rustc} (LLVM {rustc_llvm}) at {}, bpf-linker {bpf_linker} (LLVM {bpf_linker_llvm}) at {}",
            self.rustc.display(),
            self.linker.display()
        )
    }
}

/// Where a compiler's programs are.
pub struct CompilerPaths {
    cargo: PathBuf,
    rustc: PathBuf,
    rust_src: Option<PathBuf>,
}

/// Finds the programs of a compiler of a kind, and checks that it can provide `core` for the BPF target.
///
/// # Errors
/// What is missing.
pub fn compiler(kind: ToolchainKind) -> Result<CompilerPaths> {
    match kind {
        ToolchainKind::Rustup => {
            let which = |program: &str| {
                let mut command = Command::new("rustup");
                command.args(["which", "--toolchain", "nightly", program]).env("RUSTUP_AUTO_INSTALL", "0");
                process::probe(&mut command).map(|path| PathBuf::from(path.trim()))
            };
            let rustc = which("rustc").context("no rustup, or no nightly toolchain")?;
            let cargo = which("cargo").context("the nightly toolchain has no cargo")?;
            let sysroot = process::probe(Command::new(&rustc).args(["--print", "sysroot"]))
                .context("cannot run the nightly rustc")?;
            let rust_src = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
            if !rust_src.join("library/core/Cargo.toml").is_file() {
                bail!("the nightly toolchain lacks the component rust-src");
            }
            Ok(CompilerPaths { cargo, rustc, rust_src: Some(rust_src) })
        }
        ToolchainKind::Debian => {
            let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
            if !cargo.is_file() || !rustc.is_file() {
                bail!("/usr/bin/rustc or /usr/bin/cargo is not installed");
            }
            let directory = process::probe(Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]))
                .with_context(|| format!("{} does not support the target {TARGET}", rustc.display()))?;
            let has_core = std::fs::read_dir(directory.trim()).is_ok_and(|entries| {
                entries.flatten().any(|entry| entry.file_name().as_encoded_bytes().starts_with(b"libcore-"))
            });
            if !has_core {
                bail!("{} has no `core` for {TARGET} (package libstd-rust-web-dev-bpf)", rustc.display());
            }
            Ok(CompilerPaths { cargo, rustc, rust_src: None })
        }
    }
}

fn describe(rustc: &Path) -> Result<RustCompiler> {
    let text = process::probe(Command::new(rustc).arg("-vV")).context("cannot run rustc")?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::to_owned)
            .with_context(|| format!("`{} -vV` does not print its {name}", rustc.display()))
    };
    Ok(RustCompiler { release: field("release")?, commit: field("commit-hash")?, llvm: field("LLVM version")? })
}

/// A bpf-linker.
pub struct Linker {
    path: PathBuf,
    release: String,
    /// Version of its LLVM.
    pub llvm: String,
}

/// Finds bpf-linker on PATH, else where `cargo xtask setup ebpf` installs it.
pub fn linker(workspace: &Workspace) -> Result<Linker> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::split_paths(&path)
        .chain([workspace.tools().join("bin")])
        .map(|directory| directory.join("bpf-linker"))
        .find(|program| program.is_file())
        .context("no bpf-linker")?;
    let release = process::probe(Command::new(&path).arg("--version"))
        .and_then(|text| text.trim().strip_prefix("bpf-linker ").map(str::to_owned))
        .with_context(|| format!("{} does not print its version", path.display()))?;
    // LLVM's own option: prints the version of the library in use and exits before anything is linked.
    let llvm =
        process::probe(Command::new(&path).args(["--llvm-args=--version", "--output", "/dev/null", "/dev/null"]))
            .and_then(|text| llvm_version(&text))
            .with_context(|| format!("{} does not print the version of its LLVM", path.display()))?;
    Ok(Linker { path, release, llvm })
}

/// The version in the output of LLVM's `--version`.
fn llvm_version(text: &str) -> Option<String> {
    let (_, after) = text.split_once("LLVM version ")?;
    after.split_whitespace().next().map(str::to_owned)
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_llvm_versions() {
        assert_eq!(llvm_version("Debian LLVM version 22.1.8\n  Optimized build.\n").as_deref(), Some("22.1.8"));
        assert_eq!(llvm_version("LLVM (http://llvm.org/):\n  LLVM version 21.0.0git\n").as_deref(), Some("21.0.0git"));
        assert_eq!(llvm_version("bpf-linker 0.13.0"), None);
        assert!(major("9.0.1") < major("22.1.8"));
    }

    #[test]
    fn names_each_difference() {
        let ours = Versions {
            toolchain: ToolchainKind::Debian,
            rustc: "1.96.0".into(),
            rustc_commit: "ac68".into(),
            rustc_llvm: "22.1.8".into(),
            bpf_linker: "0.13.0".into(),
            bpf_linker_llvm: "22.1.8".into(),
        };
        assert!(ours.differences(&ours).is_empty());
        let theirs = Versions { rustc: "1.97.0".into(), ..ours.clone() };
        assert_eq!(ours.differences(&theirs), ["rustc: 1.96.0 and 1.97.0"]);
    }
}
