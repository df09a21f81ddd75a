//! `mctop diff`: what changed between two captures.

use std::io::{self, Write};

use super::{ending_quietly, recorded, redaction};
use crate::cli::{DiffArgs, DiffFormat};
use crate::model::diff::{View, diff as compare};
use crate::model::key::Key;
use crate::report::diff::{Compared, document, json};
use crate::report::document::Medium;

/// Rows for people, unless asked otherwise.
const ROWS: usize = 20;

/// Runs it.
pub fn diff(args: &DiffArgs) -> anyhow::Result<()> {
    // One for both: with a random key, too, a key has the same hash before and after.
    let redaction = redaction::of(&args.redact)?;
    let before = recorded::read(&args.before, &args.room, redaction.clone(), |_| ())?.snapshot;
    let after = recorded::read(&args.after, &args.room, redaction, |_| ())?.snapshot;
    let medium = match args.format {
        DiffFormat::Json => None,
        DiffFormat::Text => Some(Medium::Text),
        DiffFormat::Markdown => Some(Medium::Markdown),
        DiffFormat::Html => Some(Medium::Html),
    };
    let view = View {
        sort: args.sort,
        filter: args.filter.clone(),
        limit: args.limit.or_else(|| medium.is_some().then_some(ROWS)),
    };
    let name = |key: &Key| args.group.as_ref().map_or_else(|| key.clone(), |grouping| grouping.name(key));
    let diff = compare(&before, &after, &view, name);
    let noun = if args.group.is_some() { "group" } else { "key" };
    let compared = Compared { before: &before, after: &after, diff: &diff, noun };
    let mut out = io::stdout().lock();
    ending_quietly(match medium {
        Some(medium) => out.write_all(document(compared).render(medium).as_bytes()),
        None => json::write(compared, &mut out),
    })
}
