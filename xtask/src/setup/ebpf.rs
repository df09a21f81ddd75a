//! A toolchain for the BPF target, from rustup if complete, else from Debian's packages; and bpf-linker.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::apt;
use crate::ebpf::toolchain::{self, Toolchain, ToolchainKind};
use crate::process;
use crate::workspace::Workspace;

/// Release of bpf-linker that is installed.
const LINKER: &str = "bpf-linker@0.13.0";

/// Where Debian puts the LLVM that bpf-linker is built against; not older than that of any compiler accepted here.
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";

/// bpf-linker's feature for that LLVM.
const LLVM_FEATURE: &str = "llvm-22";

/// A compiler for the BPF target with a prebuilt `core`.
const COMPILER_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "libstd-rust-web-dev-bpf"];

/// What bpf-linker is built from.
const LLVM_PACKAGES: [&str; 4] = ["llvm-22-dev", "llvm-22", "libpolly-22-dev", "libzstd-dev"];

/// Finds a complete toolchain, or completes one.
pub fn toolchain(workspace: &Workspace) -> Result<Toolchain> {
    if let Ok(toolchain) = Toolchain::find(workspace, None) {
        return Ok(toolchain);
    }
    if ToolchainKind::ALL.into_iter().all(|kind| toolchain::compiler(kind).is_err()) && apt::is_usable() {
        apt::install(&COMPILER_PACKAGES).context("cannot install a compiler for the BPF target")?;
    }
    if toolchain::linker(workspace).is_err() {
        install_linker(workspace).context("cannot install bpf-linker")?;
    }
    Toolchain::find(workspace, None)
}

/// Builds bpf-linker below the target directory.
fn install_linker(workspace: &Workspace) -> Result<()> {
    if apt::is_usable() {
        apt::install(&LLVM_PACKAGES)?;
    }
    if !Path::new(LLVM_PREFIX).is_dir() {
        bail!(
            "it is built against LLVM 22, which is not at {LLVM_PREFIX}: install the development files of LLVM 22 (Debian: {}), \
             or put a bpf-linker on PATH",
            LLVM_PACKAGES.join(" ")
        );
    }
    let root = workspace.tools();
    eprintln!("setup: building {LINKER} into {} (a minute or two)", root.display());
    let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    install
        .args(["install", LINKER, "--locked", "--no-default-features", "--features", LLVM_FEATURE, "--root"])
        .arg(&root)
        .arg("--target-dir")
        .arg(root.join("build"))
        .env("LLVM_PREFIX", LLVM_PREFIX);
    // Flags meant for mctop must not reach another project's build.
    for name in
        ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        install.env_remove(name);
    }
    process::succeed(&mut install)
}
