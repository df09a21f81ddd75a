//! `mctop diff`: what changed between two captures.

use std::io::{self, Write};
use std::path::Path;

use super::output::ending_quietly;
use super::settings::Characters;
use super::{recorded, redaction};
use crate::cli::{DiffArgs, DiffFormat};
use crate::error::{Failure, FailureKind};
use crate::model::diff::{DiffView, diff as compare};
use crate::model::key::Key;
use crate::model::snapshot::Snapshot;
use crate::redact::Redaction;
use crate::report::diff::{Compared, document, json};
use crate::report::document::DocumentFormat;

/// Default number of rows in formats for people.
const ROWS: usize = 20;

/// Runs it.
pub(super) fn diff(args: &DiffArgs, characters: Characters) -> anyhow::Result<()> {
    // The same redaction for both: a key must have the same hash in both even with a random secret.
    let redaction = redaction::of(&args.redact)?;
    let before = read(&args.before, args, redaction.clone())?;
    let after = read(&args.after, args, redaction)?;
    let format = match args.format {
        DiffFormat::Json => None,
        DiffFormat::Text => Some(DocumentFormat::Text),
        DiffFormat::Markdown => Some(DocumentFormat::Markdown),
        DiffFormat::Html => Some(DocumentFormat::Html),
    };
    let view = DiffView {
        sort: args.sort,
        filter: args.filter.clone(),
        limit: args.limit.or_else(|| format.is_some().then_some(ROWS)),
    };
    let name = |key: &Key| args.group.as_ref().map_or_else(|| key.clone(), |grouping| grouping.name(key));
    let diff = compare(&before, &after, &view, name);
    let noun = if args.group.is_some() { "group" } else { "key" };
    let compared = Compared { before: &before, after: &after, diff: &diff, noun };
    let mut out = io::stdout().lock();
    ending_quietly(match format {
        Some(format) => {
            let glyphs = if format == DocumentFormat::Text { characters.text } else { characters.documents };
            out.write_all(document(compared, &glyphs).render(format).as_bytes())
        }
        None => json::write(compared, &mut out),
    })
}

/// Reads one of the two captures. A capture without intervals is refused: it does not say that there were no calls.
fn read(path: &Path, args: &DiffArgs, redaction: Option<Redaction>) -> anyhow::Result<Snapshot> {
    let recorded = recorded::read(path, &args.limits, redaction, |_| ())?;
    if recorded.intervals == 0 {
        return Err(Failure::new(
            FailureKind::Runtime,
            format!(
                "{path:?} holds no interval: it ended before the first one, or its trigger never matched. A comparison needs at \
                 least one interval in each capture; `mctop capture -d 60s -o FILE` makes one."
            ),
        )
        .into());
    }
    Ok(recorded.snapshot)
}
