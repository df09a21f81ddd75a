//! What the live table's rates are over, as machine formats tell it: the figures of a dump are all since the start, and those on a
//! screen are not.

use std::time::Duration;

use serde::Serialize;

use super::json::Figures;
use crate::model::snapshot::{Row, Snapshot, share};
use crate::model::span::Span;

/// All operations of the last interval, or of the sliding window.
#[derive(Serialize)]
pub(super) struct Recent {
    over: &'static str,
    length_s: f64,
    #[serde(flatten)]
    figures: Figures,
}

impl Recent {
    /// None where rates are since the start.
    pub(super) fn new(snapshot: &Snapshot, span: Span) -> Option<Self> {
        let length = recent(snapshot, span)?;
        Some(Self {
            over: if span == Span::Last { "interval" } else { "window" },
            length_s: length.as_secs_f64(),
            figures: Figures::over(length, span.whole(snapshot)),
        })
    }
}

/// Those of a key.
#[derive(Serialize)]
pub(super) struct RecentOfKey {
    #[serde(flatten)]
    figures: Figures,
    share_calls: f64,
    share_bytes: f64,
}

impl RecentOfKey {
    /// Likewise.
    pub(super) fn new(snapshot: &Snapshot, span: Span, row: &Row) -> Option<Self> {
        let length = recent(snapshot, span)?;
        let (of, all) = (span.of(row), span.whole(snapshot));
        Some(Self {
            figures: Figures::over(length, of),
            share_calls: share(of.calls(), all.calls()),
            share_bytes: share(of.bytes(), all.bytes()),
        })
    }
}

fn recent(snapshot: &Snapshot, span: Span) -> Option<Duration> {
    (span != Span::Total).then(|| span.length(snapshot))
}
