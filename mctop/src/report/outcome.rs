//! Outcomes of items and the uncertainty of counts in machine formats.

use serde::Serialize;

use crate::model::outcomes::Outcomes;
use crate::model::probe_point::ProbeKind;
use crate::model::snapshot::Snapshot;

/// [`Outcomes`]; none where they are not watched.
#[derive(Default, Serialize)]
pub(super) struct OutcomeFigures {
    #[serde(skip_serializing_if = "Option::is_none")]
    not_stored: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exists: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evicted: Option<u64>,
}

impl OutcomeFigures {
    /// The outcomes of one server, or of all.
    pub(super) fn new(snapshot: &Snapshot, target: Option<u32>, outcomes: &Outcomes) -> Self {
        let Outcomes { not_stored, exists, evicted } = *outcomes;
        let stores = snapshot.watches(ProbeKind::Store, target);
        Self {
            not_stored: stores.then_some(not_stored),
            exists: stores.then_some(exists),
            evicted: snapshot.watches(ProbeKind::Eviction, target).then_some(evicted),
        }
    }

    /// The outcomes of all servers; none if no outcome is watched.
    pub(super) fn known(snapshot: &Snapshot) -> Option<Self> {
        let all = Self::new(snapshot, None, &snapshot.outcomes);
        all.cells().iter().any(Option::is_some).then_some(all)
    }

    /// The outcomes as table cells.
    pub(super) fn cells(&self) -> [Option<u64>; 3] {
        [self.not_stored, self.exists, self.evicted]
    }
}

/// Marks counts as partly extrapolated, with their uncertainty.
#[derive(Serialize)]
pub(super) struct EstimateFigures {
    watched_s: f64,
    extrapolated_s: f64,
    /// Of the total calls, at 95 % confidence.
    calls_uncertainty: u64,
}

impl EstimateFigures {
    /// None if every operation was counted.
    pub(super) fn new(snapshot: &Snapshot) -> Option<Self> {
        let estimate = &snapshot.estimate;
        estimate.has_extrapolation().then(|| Self {
            watched_s: estimate.watched.as_secs_f64(),
            extrapolated_s: estimate.extrapolated.as_secs_f64(),
            calls_uncertainty: estimate.uncertainty(snapshot.total.calls()),
        })
    }
}
