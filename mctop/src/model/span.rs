//! The time spans of rates and shares.

use std::cmp::Ordering;
use std::time::Duration;

use super::counts::Counts;
use super::snapshot::{Row, Snapshot};

/// The time span of rates and shares. All code that shows, ranks, filters or adds rates gets the counts from here, so that
/// they are over the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Since the start, for dumps and reports.
    Total,
    /// The last interval, for what happens now.
    Last,
    /// The sliding window, at most a minute, for what happens less than once per interval.
    Window,
}

impl Span {
    /// A row's counts over the span.
    #[must_use]
    pub const fn of(self, row: &Row) -> &Counts {
        match self {
            Self::Total => &row.total,
            Self::Last => &row.last,
            Self::Window => &row.recent,
        }
    }

    /// All operations over the span.
    #[must_use]
    pub const fn whole(self, snapshot: &Snapshot) -> &Counts {
        match self {
            Self::Total => &snapshot.total,
            Self::Last => &snapshot.last,
            Self::Window => &snapshot.recent,
        }
    }

    /// Length of the span.
    #[must_use]
    pub const fn length(self, snapshot: &Snapshot) -> Duration {
        match self {
            Self::Total => snapshot.duration,
            Self::Last => snapshot.interval,
            Self::Window => snapshot.window,
        }
    }

    /// The span of hints in a view with this span. A single interval is too short to judge.
    #[must_use]
    pub const fn of_hints(self) -> Self {
        match self {
            Self::Total => Self::Total,
            Self::Last | Self::Window => Self::Window,
        }
    }

    /// The other of the two spans in the live table.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Last => Self::Window,
            Self::Window | Self::Total => Self::Last,
        }
    }

    /// Compares rows by a count over the span. Ties are broken by longer spans, so that among the keys without calls in the last
    /// interval those that were hot a moment ago come first.
    pub(super) fn compare(self, a: &Row, b: &Row, count: fn(&Counts) -> u64) -> Ordering {
        let by = |span: Self| count(span.of(a)).cmp(&count(span.of(b)));
        match self {
            Self::Total => by(Self::Total),
            Self::Last => by(Self::Last).then_with(|| by(Self::Window)).then_with(|| by(Self::Total)),
            Self::Window => by(Self::Window).then_with(|| by(Self::Total)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::column::Column;
    use crate::model::filter::Filter;
    use crate::model::ranking::{View, order};
    use crate::model::sample;

    fn ranked(snapshot: &Snapshot, view: &View) -> Vec<String> {
        order(snapshot, view).indices.iter().map(|index| snapshot.rows[*index].key.escaped()).collect()
    }

    #[test]
    fn a_rarely_called_huge_value_is_first_by_bandwidth_in_every_interval() {
        for seconds in 1..=130 {
            let snapshot = sample::rare(seconds);
            for sort in [Column::Bandwidth, Column::ShareBytes] {
                let first = |span| ranked(&snapshot, &View { sort, span, limit: Some(1), ..View::default() }).remove(0);
                assert_eq!(first(Span::Window), "menu:json", "after {seconds} s");
                assert_eq!(first(Span::Last) == "menu:json", seconds % 4 == 1, "after {seconds} s");
            }
        }
    }

    #[test]
    fn ties_in_the_last_interval_are_broken_by_the_window_and_then_by_the_total() {
        let of = |key: &str, last, recent, total| {
            let [last, recent, total] = [last, recent, total].map(|hits| Counts { hits, ..Counts::default() });
            Row { last, recent, total, ..sample::row(key) }
        };
        let rows = vec![
            of("ever", 0, 0, 9_000),
            of("lately", 0, 5, 5),
            of("never", 0, 0, 1),
            of("now", 1, 1, 1),
            of("often", 0, 5, 70),
        ];
        let snapshot = sample::of(rows);
        let by = |span| ranked(&snapshot, &View { sort: Column::Rate, span, ..View::default() });
        assert_eq!(by(Span::Last), ["now", "often", "lately", "ever", "never"]);
        assert_eq!(by(Span::Window), ["often", "lately", "now", "ever", "never"]);
        assert_eq!(by(Span::Total), ["ever", "often", "lately", "never", "now"], "only totals, then by key");
    }

    #[test]
    fn a_filter_uses_the_rates_that_are_shown() {
        let snapshot = sample::rare(63);
        let matching = |filter: &str, span| {
            let filter = Some(Filter::parse(filter).unwrap());
            ranked(&snapshot, &View { filter, span, sort: Column::Bandwidth, ..View::default() })
        };
        for filter in ["bps>500k", "share-bytes>20"] {
            assert_eq!(matching(filter, Span::Window), ["menu:json"]);
            assert_eq!(matching(filter, Span::Last), [""; 0]);
        }
        assert_eq!(matching("rps>0 menu", Span::Window), ["menu:json"]);
        assert_eq!(matching("hit=100 menu", Span::Last), ["menu:json"], "the hit ratio is since the start");
        for (filter, expected) in [
            ("menu", false),
            ("size>1M hit<50", false),
            ("expired>0 or flushed>0", false),
            ("menu or !(size>1M rps>5)", true),
            ("bw>5", true),
            ("share>1", true),
            ("share-bytes>1", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().is_over_span(), expected, "{filter}");
        }
    }
}
