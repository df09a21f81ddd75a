//! A condition that starts or stops a recording, or ends an observation.

use super::filter::{Filter, FilterError};
use super::snapshot::Snapshot;
use super::span::Span;

/// Holds in a snapshot when at least one key matches a [`Filter`], with rates and shares over the last interval:
/// `rps>10k`, `/^product:/ and hit<5`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(Filter);

impl Condition {
    /// Parses a condition, which has the syntax of a filter.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(source: &str) -> Result<Self, FilterError> {
        Filter::parse(source).map(Self)
    }

    /// The condition as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source()
    }

    /// Whether the condition holds in a snapshot.
    #[must_use]
    pub fn holds(&self, snapshot: &Snapshot) -> bool {
        snapshot.rows.iter().any(|row| row.last.calls() > 0 && self.0.shows(snapshot, row, Span::Last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    #[test]
    fn one_key_that_was_called_in_the_last_interval_is_enough() {
        let mut snapshot = sample::flash_sale();
        let condition = Condition::parse("rps>0.001").unwrap();
        assert!(condition.holds(&snapshot));
        for row in &mut snapshot.rows {
            row.last = Default::default();
        }
        assert!(!condition.holds(&snapshot));
        assert!(!Condition::parse("calls>0").unwrap().holds(&snapshot));
        assert!(Condition::parse("rps>").is_err());
    }
}
