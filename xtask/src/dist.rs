//! `cargo xtask dist`: the static binary that is released.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use object::Object;

use crate::process;
use crate::workspace::Workspace;

/// Largest binary that is released, bytes.
const BINARY_MAX: u64 = 12_000_000;

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct DistArgs {
    /// Output directory [default: dist/ in cargo's target directory]
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
}

/// Builds mctop without dependencies on libraries of the host, and checks the result.
pub fn run(args: &DistArgs) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = workspace.cargo();
    build
        .args(["build", "--release", "--locked", "--package", "mctop", "--target", &target])
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static");
    process::succeed(&mut build)?;
    let built = workspace.target.join(&target).join("release/mctop");
    check(&built)?;
    let output = args.output.clone().unwrap_or_else(|| workspace.target.join("dist"));
    let released = output.join(format!("mctop-{}", std::env::consts::ARCH));
    fs::create_dir_all(&output)
        .and_then(|()| fs::copy(&built, &released))
        .with_context(|| format!("cannot write {}", released.display()))?;
    println!("dist: {}", released.display());
    Ok(ExitCode::SUCCESS)
}

fn check(binary: &Path) -> Result<()> {
    let bytes = fs::metadata(binary).with_context(|| format!("cannot read {}", binary.display()))?.len();
    let content = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let image = object::File::parse(&*content).with_context(|| format!("{} is no program", binary.display()))?;
    // The section that names the dynamic loader.
    if image.section_by_name(".interp").is_some() {
        bail!("{} is not static: it asks for a dynamic loader", binary.display());
    }
    let version = process::output(Command::new(binary).arg("--version"))?;
    println!("dist: {} bytes, static, {}", bytes, version.lines().next().unwrap_or_default());
    if bytes > BINARY_MAX {
        bail!("{bytes} bytes are more than the {BINARY_MAX} that are allowed");
    }
    Ok(())
}
