//! `mctop capture`: interval snapshots to a file.

use anyhow::Context;

use super::observe::{End, observe};
use super::progress::Progress;
use super::strict::Lost;
use super::{redaction, servers};
use crate::capture::writer::Writer;
use crate::cli::CaptureArgs;
use crate::redact::source::Redacted;
use crate::source::{Header, Source};

/// Runs it.
pub fn capture(args: &CaptureArgs, verbose: bool) -> anyhow::Result<()> {
    let redaction = redaction::of(&args.redact)?;
    let mut live = Redacted::new(servers::attach(&args.target, &args.table)?, redaction);
    let file = args.output.display();
    let mut writer =
        Writer::create(&args.output, live.header()).with_context(|| format!("cannot write the capture {file}"))?;
    let progress = Progress::new(Some(args.duration));
    let begin = |header: &Header| {
        if verbose {
            servers::announce(header, args.duration);
        }
        progress.begin();
    };
    let mut lost = Lost::new(live.header());
    let end = observe(&mut live, args.duration, Some(args.interval), begin, |interval| {
        progress.saw(interval);
        lost.saw(interval);
        writer.interval(interval).with_context(|| format!("cannot write the capture {file}"))
    })?;
    drop((live, progress));
    writer.finish(end != End::Complete).with_context(|| format!("cannot finish the capture {file}"))?;
    Ok(lost.check(args.strict)?)
}
