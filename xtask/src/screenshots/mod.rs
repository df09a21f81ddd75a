//! `cargo xtask screenshots`: the documentation's pictures of the live table, drawn by the program itself.

use std::process::ExitCode;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Tells the test of the pictures to write them.
const UPDATE_VARIABLE: &str = "UPDATE_PICTURES";

/// Arguments of `cargo xtask screenshots`.
#[derive(clap::Args)]
pub struct Args {
    /// Only say whether the committed pictures are what the program draws now
    #[arg(long)]
    check: bool,
}

/// Runs the command. The pictures are those of the test `pictures` of mctop, which has the program's own view: xtask must
/// be there to build the eBPF object before mctop can be built, so it does not depend on it.
///
/// # Errors
/// When cargo or the test fails.
pub fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let mut command = workspace.cargo();
    command.args(["test", "--locked", "--package", "mctop", "--test", "pictures"]);
    if !args.check {
        command.env(UPDATE_VARIABLE, "1");
    }
    process::succeed(&mut command)?;
    Ok(ExitCode::SUCCESS)
}
