//! `cargo xtask setup`: installs what is missing to run and test mctop and to build its eBPF objects.

mod browser;
mod ebpf;

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;

use crate::workspace::Workspace;
use crate::{apt, memcached};

/// Arguments of `cargo xtask setup`.
#[derive(clap::Args)]
pub struct SetupArgs {
    /// What to set up [default: all, and a browser for the tests of pages]
    #[arg(value_enum)]
    part: Option<SetupPart>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SetupPart {
    /// A memcached server, for the demo and the live tests
    Runtime,
    /// A toolchain for the BPF target and bpf-linker, to rebuild the eBPF objects
    Ebpf,
}

/// What single live tests need, which are skipped without: a client and certificates for TLS, and objcopy(1).
const TEST_TOOLS: [&str; 2] = ["openssl", "binutils"];

/// Runs the command.
pub fn run(args: &SetupArgs) -> Result<ExitCode> {
    if args.part != Some(SetupPart::Ebpf) {
        println!("setup: memcached at {}", memcached::find()?.display());
        if apt::is_usable() {
            apt::install(&TEST_TOOLS)?;
        }
    }
    if args.part.is_none() {
        println!("setup: browser at {}", browser::browser()?.display());
    }
    if args.part != Some(SetupPart::Runtime) {
        println!("setup: {}", ebpf::toolchain(&Workspace::find()?)?);
    }
    Ok(ExitCode::SUCCESS)
}
