//! `cargo xtask`: parses the command line and maps the outcome to an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, demo, dist, ebpf, interrupt, kernels, load, matrix, screenshots, setup, test};

/// mctop's own build, test, demo and load commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare the cost, losses and accuracy of mctop with those of other tools
    Bench(bench::Args),
    /// Show mctop at work: a private memcached, a flash sale, and its hot keys
    Demo(demo::Args),
    /// Build the static binary that is released
    Dist(dist::Args),
    /// Build or verify the committed eBPF objects
    Ebpf(ebpf::Args),
    /// Run live tests on kernels of Debian and Ubuntu, in virtual machines
    Kernels(kernels::Args),
    /// Drive a bounded, seeded load against a memcached on this machine
    Load(load::Args),
    /// Test mctop against many builds of memcached, and some files that are not memcached
    Matrix(matrix::Args),
    /// Redraw the documentation's pictures of the live table
    Screenshots(screenshots::Args),
    /// Install what is needed to run, test and build mctop
    Setup(setup::Args),
    /// Run all tests and say which cannot run here
    Test(test::Args),
}

fn main() -> ExitCode {
    if let Some(code) = ebpf::rustc_wrapper::run_if_asked() {
        return code;
    }
    let cli = Cli::parse();
    let outcome = interrupt::install().and_then(|()| match cli.command {
        Command::Bench(args) => bench::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Dist(args) => dist::run(&args),
        Command::Ebpf(args) => ebpf::run(&args),
        Command::Kernels(args) => kernels::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Screenshots(args) => screenshots::run(&args),
        Command::Setup(args) => setup::run(&args),
        Command::Test(args) => test::run(&args),
    });
    match outcome {
        Ok(code) => code,
        Err(error) if error.is::<interrupt::Interrupted>() => {
            eprintln!("xtask: interrupted");
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
