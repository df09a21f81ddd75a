//! Outcomes of items and the uncertainty of counts in machine formats.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Snapshot;

/// [`Outcomes`] as far as they are watched; the others are unknown.
#[derive(Default)]
pub(super) struct OutcomeFigures([Option<u64>; Outcomes::LEN]);

impl OutcomeFigures {
    /// The outcomes of one server, or of all.
    pub(super) fn new(snapshot: &Snapshot, target: Option<u32>, outcomes: &Outcomes) -> Self {
        let mut counts = outcomes.values().map(Some);
        for (count, probe) in counts.iter_mut().zip(Outcomes::PROBES) {
            *count = count.filter(|_| snapshot.watches(probe, target));
        }
        Self(counts)
    }

    /// The outcomes of all servers; `None` if no outcome is watched.
    pub(super) fn known(snapshot: &Snapshot) -> Option<Self> {
        let all = Self::new(snapshot, None, &snapshot.outcomes);
        all.0.iter().any(Option::is_some).then_some(all)
    }

    /// All outcomes by name.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, Option<u64>)> {
        Outcomes::NAMES.into_iter().zip(self.0)
    }
}

impl Serialize for OutcomeFigures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Outcomes", Outcomes::LEN)?;
        for (name, count) in self.named() {
            match count {
                Some(count) => members.serialize_field(name, &count)?,
                None => members.skip_field(name)?,
            }
        }
        members.end()
    }
}

/// Marks counts as partly extrapolated, with their uncertainty.
#[derive(Serialize)]
pub(super) struct EstimateFigures {
    watched_s: f64,
    extrapolated_s: f64,
    /// Uncertainty of the total calls, at 95 % confidence.
    calls_uncertainty: u64,
}

impl EstimateFigures {
    /// `None` if every operation was counted.
    pub(super) fn new(snapshot: &Snapshot) -> Option<Self> {
        let estimate = &snapshot.estimate;
        estimate.has_extrapolation().then(|| Self {
            watched_s: estimate.watched.as_secs_f64(),
            extrapolated_s: estimate.extrapolated.as_secs_f64(),
            calls_uncertainty: estimate.uncertainty(snapshot.total.calls()),
        })
    }
}
