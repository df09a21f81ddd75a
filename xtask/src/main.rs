//! `cargo xtask`: parses the command line and maps the outcome to an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, demo, dist, ebpf, interrupt, kernels, load, matrix, screenshots, setup, test};

/// mctop's own build, test, demo and load commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct XtaskCli {
    #[command(subcommand)]
    command: XtaskCommand,
}

#[derive(Subcommand)]
enum XtaskCommand {
    /// Compare the cost, losses and accuracy of mctop with those of other tools
    Bench(bench::BenchArgs),
    /// Show mctop at work: a private memcached, a flash sale, and its hot keys
    Demo(demo::DemoArgs),
    /// Build the static binary that is released
    Dist(dist::DistArgs),
    /// Build or verify the committed eBPF objects
    Ebpf(ebpf::EbpfArgs),
    /// Run live tests on kernels of Debian and Ubuntu, in virtual machines
    Kernels(kernels::KernelsArgs),
    /// Drive a bounded, seeded load against a memcached on this machine
    Load(load::LoadArgs),
    /// Test mctop against many builds of memcached, and some files that are not memcached
    Matrix(matrix::MatrixArgs),
    /// Redraw the documentation's pictures of the live table
    Screenshots(screenshots::ScreenshotsArgs),
    /// Install what is needed to run, test and build mctop
    Setup(setup::SetupArgs),
    /// Run all tests and say which cannot run here
    Test(test::Args),
}

fn main() -> ExitCode {
    if let Some(code) = ebpf::rustc_wrapper::run_if_asked() {
        return code;
    }
    let cli = XtaskCli::parse();
    let outcome = interrupt::install().and_then(|()| match cli.command {
        XtaskCommand::Bench(args) => bench::run(&args),
        XtaskCommand::Demo(args) => demo::run(&args),
        XtaskCommand::Dist(args) => dist::run(&args),
        XtaskCommand::Ebpf(args) => ebpf::run(&args),
        XtaskCommand::Kernels(args) => kernels::run(&args),
        XtaskCommand::Load(args) => load::run(&args),
        XtaskCommand::Matrix(args) => matrix::run(&args),
        XtaskCommand::Screenshots(args) => screenshots::run(&args),
        XtaskCommand::Setup(args) => setup::run(&args),
        XtaskCommand::Test(args) => test::run(&args),
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
