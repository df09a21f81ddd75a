//! The schema `mctop.diff/1`. Names and meanings are a contract: members may be added, but not renamed.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::Compared;
use crate::model::counts::Counts;
use crate::model::diff::{Chance, Comparison, DiffFigures, KeyChange, Presence};
use crate::model::snapshot::{Loss, Origin, Snapshot};
use crate::report::figures;
use crate::report::json::KeyText;
use crate::text::json::write_document;

/// Name and version of the schema.
pub(crate) const SCHEMA: &str = "mctop.diff/1";

#[derive(Serialize)]
struct DiffDocument<'a> {
    schema: &'static str,
    mctop: &'static str,
    before: Side<'a>,
    after: Side<'a>,
    change: Difference,
    keys_matching: usize,
    keys_shown: usize,
    keys_new: usize,
    keys_gone: usize,
    /// False if keys were redacted in different ways, so that they cannot be matched.
    keys_same_names: bool,
    keys: Vec<KeyDifference<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    file: Option<&'a str>,
    host: &'a str,
    started_at: Timestamp,
    duration_s: f64,
    interrupted: bool,
    /// How keys were redacted; absent if they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    redaction: Option<&'a str>,
    totals: SideFigures,
    loss: Loss,
    others: Counts,
}

#[derive(Serialize)]
struct KeyDifference<'a> {
    #[serde(flatten)]
    key: KeyText<'a>,
    presence: &'static str,
    /// The change relative to the larger total rate, of calls or of bytes, whichever is larger.
    impact: f64,
    /// Null if the key was not seen.
    before: Option<SideFigures>,
    after: Option<SideFigures>,
    change: Difference,
}

#[derive(Serialize)]
struct SideFigures {
    #[serde(flatten)]
    figures: figures::Figures,
    /// Null without reads.
    hit_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u32>,
}

/// Differences are after minus before; factors are after divided by before, or null if before is 0.
#[derive(Serialize)]
struct Difference {
    calls_per_s: f64,
    bytes_per_s: f64,
    calls_factor: Option<f64>,
    bytes_factor: Option<f64>,
    hit_ratio: Option<f64>,
    size: Option<i64>,
    /// Whether the difference in calls may be due to chance: `unlikely`, `possible`, or too `few` calls to tell.
    chance: &'static str,
}

impl From<&DiffFigures> for SideFigures {
    fn from(figures: &DiffFigures) -> Self {
        Self {
            figures: figures::Figures::over(figures.span, &figures.counts),
            hit_ratio: figures.counts.hit_ratio(),
            size: figures.size,
        }
    }
}

impl From<&Comparison> for Difference {
    fn from(change: &Comparison) -> Self {
        let factor = |before: f64, after: f64| (before > 0.0).then(|| after / before);
        Self {
            calls_per_s: change.calls(),
            bytes_per_s: change.bytes(),
            calls_factor: factor(change.before.calls_per_s(), change.after.calls_per_s()),
            bytes_factor: factor(change.before.bytes_per_s(), change.after.bytes_per_s()),
            hit_ratio: change.hit_ratio(),
            size: change.size(),
            chance: match change.chance {
                Chance::Few => "few",
                Chance::Possible => "possible",
                Chance::Unlikely => "unlikely",
            },
        }
    }
}

impl<'a> From<&'a KeyChange> for KeyDifference<'a> {
    fn from(key: &'a KeyChange) -> Self {
        let (presence, before, after) = match key.presence {
            Presence::Both => ("both", true, true),
            Presence::New => ("new", false, true),
            Presence::Gone => ("gone", true, false),
            Presence::MaybeNew => ("unseen_before", false, true),
            Presence::MaybeGone => ("unseen_after", true, false),
        };
        Self {
            key: KeyText::new(&key.key),
            presence,
            impact: key.impact,
            before: before.then(|| (&key.change.before).into()),
            after: after.then(|| (&key.change.after).into()),
            change: (&key.change).into(),
        }
    }
}

fn side<'a>(snapshot: &'a Snapshot, totals: &DiffFigures) -> Side<'a> {
    Side {
        file: match &snapshot.origin {
            Origin::Recorded { file } => Some(file),
            Origin::Live => None,
        },
        host: &snapshot.host,
        started_at: snapshot.started_at,
        duration_s: snapshot.duration.as_secs_f64(),
        interrupted: snapshot.interrupted,
        redaction: snapshot.redaction.as_deref(),
        totals: totals.into(),
        loss: snapshot.loss,
        others: snapshot.others,
    }
}

/// Writes the document.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(compared: Compared<'_>, out: &mut impl Write) -> io::Result<()> {
    let Compared { before, after, diff, noun: _ } = compared;
    let document = DiffDocument {
        schema: SCHEMA,
        mctop: env!("CARGO_PKG_VERSION"),
        before: side(before, &diff.total.before),
        after: side(after, &diff.total.after),
        change: (&diff.total).into(),
        keys_matching: diff.matching,
        keys_shown: diff.keys.len(),
        keys_new: diff.new,
        keys_gone: diff.gone,
        keys_same_names: diff.same_names,
        keys: diff.keys.iter().map(KeyDifference::from).collect(),
    };
    write_document(&document, out)
}
