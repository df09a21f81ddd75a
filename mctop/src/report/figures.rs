//! Counts in machine formats.

use std::time::Duration;

use serde::Serialize;

use crate::model::counts::Counts;
use crate::model::snapshot::{Snapshot, per_second};

/// Counts, and sums and rates derived from them.
#[derive(Serialize)]
pub(super) struct Figures {
    calls: u64,
    gets: u64,
    #[serde(flatten)]
    counts: Counts,
    bytes: u64,
    calls_per_s: f64,
    bytes_per_s: f64,
}

impl Figures {
    /// With rates since the start.
    pub(super) fn new(snapshot: &Snapshot, counts: &Counts) -> Self {
        Self::over(snapshot.duration, counts)
    }

    /// With rates over `span`.
    pub(super) fn over(span: Duration, counts: &Counts) -> Self {
        Self {
            calls: counts.calls(),
            gets: counts.gets(),
            counts: *counts,
            bytes: counts.bytes(),
            calls_per_s: per_second(counts.calls(), span),
            bytes_per_s: per_second(counts.bytes(), span),
        }
    }
}
