//! The committed eBPF objects: `cargo xtask ebpf build` makes them, `ebpf verify` proves that they
//! match the sources.

mod build;
mod inspect;
mod manifest;
pub mod rustc_wrapper;
mod sources;
mod stack;
mod strip;
pub mod toolchain;
mod verifier;
mod verify;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Subcommand, ValueEnum};

use crate::workspace::Workspace;
use manifest::Manifest;
use toolchain::Toolchain;

/// Arguments of `cargo xtask ebpf`.
#[derive(clap::Args)]
pub struct EbpfArgs {
    #[command(subcommand)]
    command: EbpfCommand,
}

#[derive(Subcommand)]
enum EbpfCommand {
    /// Build the objects for every architecture into mctop/bpf/ and write the manifest
    Build {
        /// Toolchain to build with [default: the first that is complete]
        #[arg(long, value_enum)]
        toolchain: Option<toolchain::ToolchainKind>,
    },
    /// Rebuild the objects and compare them with the committed ones
    Verify,
}

/// Architectures that an object is built for: register layouts differ, so each needs its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Arch {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm, little endian.
    Aarch64,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The value of the cfg `bpf_target_arch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// File name of the object in `mctop/bpf/`.
    #[must_use]
    pub fn file_name(self) -> String {
        format!("mctop-{}.bpf.o", self.name())
    }

    /// The architecture of this machine, if it is one of them.
    #[must_use]
    pub fn of_host() -> Option<Self> {
        Self::ALL.into_iter().find(|arch| arch.name() == std::env::consts::ARCH)
    }
}

/// Directory of the committed objects and the manifest, relative to the workspace root.
const OBJECT_DIR: &str = "mctop/bpf";

/// Runs the command.
pub fn run(args: &EbpfArgs) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    match args.command {
        EbpfCommand::Build { toolchain } => {
            let toolchain = Toolchain::find(&workspace, toolchain)?;
            eprintln!("ebpf: building with {toolchain}");
            let objects = build::all(&workspace, &toolchain)?;
            let manifest = Manifest::describe(&workspace, &toolchain, &objects)?;
            manifest.write(&workspace, &objects).context("cannot write the objects")?;
            println!("{manifest}");
        }
        EbpfCommand::Verify => verify::run(&workspace)?,
    }
    Ok(ExitCode::SUCCESS)
}
