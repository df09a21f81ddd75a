//! `cargo xtask screenshots`: the documentation's pictures of the live table.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Set, the test of the pictures writes them.
const UPDATE_VARIABLE: &str = "UPDATE_PICTURES";

/// Arguments of `cargo xtask screenshots`.
#[derive(clap::Args)]
pub struct ScreenshotsArgs {
    /// Only check that the committed pictures are what mctop draws
    #[arg(long)]
    check: bool,
}

/// Runs the command. The test `pictures` of mctop draws them, because xtask, which builds the eBPF object before mctop can be
/// built, does not depend on mctop.
pub fn run(args: &ScreenshotsArgs) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut command = workspace.cargo();
    command.args(["test", "--locked", "--package", "mctop", "--test", "pictures"]);
    if !args.check {
        command.env(UPDATE_VARIABLE, "1");
    }
    process::succeed(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
