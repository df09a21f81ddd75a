//! `mctop capture`: interval snapshots to a file.

use anyhow::Context;

use super::observe::{End, observe};
use super::servers;
use crate::capture::writer::Writer;
use crate::cli::CaptureArgs;
use crate::source::{Header, Source};

/// Runs it.
pub fn capture(args: &CaptureArgs, verbose: bool) -> anyhow::Result<()> {
    let mut live = servers::attach(&args.target, &args.table)?;
    let file = args.output.display();
    let mut writer =
        Writer::create(&args.output, live.header()).with_context(|| format!("cannot write the capture {file}"))?;
    let begin = |header: &Header| {
        if verbose {
            servers::announce(header, args.duration);
        }
    };
    let end = observe(&mut live, args.duration, Some(args.interval), begin, |interval| {
        writer.interval(interval).with_context(|| format!("cannot write the capture {file}"))
    })?;
    drop(live);
    writer.finish(end != End::Complete).with_context(|| format!("cannot finish the capture {file}"))
}
