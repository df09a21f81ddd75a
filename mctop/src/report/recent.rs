//! Figures over the live table's span of rates in machine formats, whose other figures are since the start.

use std::time::Duration;

use serde::Serialize;

use super::figures::Figures;
use crate::model::snapshot::{Row, Snapshot, share};
use crate::model::span::Span;

/// The operations of the last interval or of the sliding window.
#[derive(Serialize)]
pub(super) struct Recent {
    over: &'static str,
    length_s: f64,
    #[serde(flatten)]
    figures: Figures,
}

impl Recent {
    /// None if the span is since the start.
    pub(super) fn new(snapshot: &Snapshot, span: Span) -> Option<Self> {
        let length = length(snapshot, span)?;
        Some(Self {
            over: if span == Span::Last { "interval" } else { "window" },
            length_s: length.as_secs_f64(),
            figures: Figures::over(length, span.whole(snapshot)),
        })
    }
}

/// The operations of a key in the same span.
#[derive(Serialize)]
pub(super) struct RecentOfKey {
    #[serde(flatten)]
    figures: Figures,
    share_calls: f64,
    share_bytes: f64,
}

impl RecentOfKey {
    /// None if the span is since the start.
    pub(super) fn new(snapshot: &Snapshot, span: Span, row: &Row) -> Option<Self> {
        let length = length(snapshot, span)?;
        let (of, all) = (span.of(row), span.whole(snapshot));
        Some(Self {
            figures: Figures::over(length, of),
            share_calls: share(of.calls(), all.calls()),
            share_bytes: share(of.bytes(), all.bytes()),
        })
    }
}

fn length(snapshot: &Snapshot, span: Span) -> Option<Duration> {
    (span != Span::Total).then(|| span.length(snapshot))
}
