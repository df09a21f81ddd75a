//! Whether the rate of a key has risen or fallen lately. Pure.

use std::time::Duration;

use crate::model::counts::Counts;
use crate::model::history::{Series, WINDOW};
use crate::model::snapshot::{Row, Snapshot};
use crate::text::glyphs::Glyphs;

/// The last minute is split into this many parts, and the last part is compared with the others.
const PARTS: usize = 6;
/// No trend is shown before this much has been observed, because there is too little to compare with.
const MIN_OBSERVED: Duration = Duration::from_secs(15);
/// Smaller factors count as no change.
const NOTABLE: f64 = 1.5;
/// A difference of counts (Poisson) of more standard deviations than this is not chance.
const DEVIATIONS: f64 = 3.0;

/// How the rate of a key has changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trend {
    /// There is too little data.
    Unknown,
    /// First seen within the last minute, although the observation started earlier.
    New,
    /// The rate of the last ten seconds divided by that of the rest of the minute; less than 1 for a fall.
    Times(f64),
    /// No change, or one that may be chance.
    Steady,
}

/// The trend of a row. Without a history, as for a group whose history is still being computed, the last interval is compared
/// with the rest of the window.
pub(super) fn trend(series: &Series, row: &Row, snapshot: &Snapshot) -> Trend {
    if snapshot.duration < MIN_OBSERVED {
        return Trend::Unknown;
    }
    let late = row.first_seen >= WINDOW / PARTS as u32 && row.calls_error == 0;
    if late && row.keys == 1 && snapshot.duration.saturating_sub(row.first_seen) <= WINDOW {
        return Trend::New;
    }
    if series.points().is_empty() {
        let rest = row.recent.calls().saturating_sub(row.last.calls()) as f64;
        let before = snapshot.window.saturating_sub(snapshot.interval);
        return compare(row.last.calls() as f64, snapshot.interval, rest, before);
    }
    let rates = series.rates(WINDOW, PARTS, Counts::calls);
    let Some((Some(last), before)) = rates.split_last() else { return Trend::Unknown };
    let known: Vec<f64> = before.iter().copied().flatten().collect();
    let part = WINDOW.as_secs_f64() / PARTS as f64;
    let span = |parts: usize| Duration::from_secs_f64(part * parts as f64);
    compare(last * part, span(1), known.iter().sum::<f64>() * part, span(known.len()))
}

fn compare(last: f64, last_span: Duration, before: f64, before_span: Duration) -> Trend {
    if last_span.is_zero() || before_span.is_zero() {
        return Trend::Unknown;
    }
    let expected = before * last_span.as_secs_f64() / before_span.as_secs_f64();
    let chance = DEVIATIONS * (last + expected).sqrt();
    let times = last / expected;
    if (last - expected).abs() <= chance || (1.0 / NOTABLE..NOTABLE).contains(&times) {
        return Trend::Steady;
    }
    Trend::Times(times)
}

impl Trend {
    /// The trend in at most 5 cells: `new`, `▲×12`, `▼÷1.5`, `quiet`, `=`; empty if unknown.
    pub(super) fn text(self, glyphs: &Glyphs) -> String {
        let factor = |factor: f64| match factor {
            factor if factor < 9.95 => format!("{factor:.1}"),
            factor if factor < 999.5 => format!("{factor:.0}"),
            _ => "1k+".to_owned(),
        };
        let over = if glyphs.unicode { "÷" } else { "/" };
        match self {
            Self::Unknown => String::new(),
            Self::New => "new".to_owned(),
            Self::Steady => "=".to_owned(),
            Self::Times(times) if times <= 0.0 => "quiet".to_owned(),
            Self::Times(times) if times > 1.0 => format!("{}{}{}", glyphs.ascending, glyphs.times, factor(times)),
            Self::Times(times) => format!("{}{over}{}", glyphs.descending, factor(1.0 / times)),
        }
    }

    /// Whether the key is new or its rate has risen, which deserves attention.
    pub(super) fn is_rising(self) -> bool {
        match self {
            Self::New => true,
            Self::Times(times) => times > 1.0,
            Self::Unknown | Self::Steady => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;
    use crate::text::glyphs::{ASCII, UNICODE};

    /// The trend of a key with these calls in each second.
    fn of(calls: &[u64]) -> Trend {
        let snapshot = sample::course(calls);
        trend(&snapshot.history.of(&snapshot.rows[0]), &snapshot.rows[0], &snapshot)
    }

    fn course(before: u64, last: u64) -> Vec<u64> {
        [vec![before; 50], vec![last; 10]].concat()
    }

    #[test]
    fn changes_are_reported_but_chance_is_not() {
        assert_eq!(of(&course(100, 1_200)), Trend::Times(12.0));
        assert_eq!(of(&course(1_000, 250)), Trend::Times(0.25));
        assert_eq!(of(&course(1_000, 1_100)), Trend::Steady);
        assert_eq!(of(&course(1, 2)), Trend::Steady, "ten more calls than expected may be chance");
        assert_eq!(of(&[100; 5]), Trend::Unknown);
        assert_eq!(of(&[vec![0; 40], vec![5; 20]].concat()), Trend::New);
        assert_eq!(of(&course(100, 0)), Trend::Times(0.0));
    }

    #[test]
    fn groups_are_compared_with_the_rest_of_their_window() {
        let mut snapshot = sample::many(1);
        snapshot.rows[0].keys = 2;
        snapshot.rows[0].last.hits = 2_000;
        snapshot.rows[0].recent.hits = 2_000 + 49 * 500;
        assert_eq!(trend(&Series::default(), &snapshot.rows[0], &snapshot), Trend::Times(4.0));
    }

    #[test]
    fn texts_fit_into_five_cells() {
        for (trend, unicode, ascii) in [
            (Trend::Times(12.3), "▲×12", "^x12"),
            (Trend::Times(1.5), "▲×1.5", "^x1.5"),
            (Trend::Times(999.4), "▲×999", "^x999"),
            (Trend::Times(f64::INFINITY), "▲×1k+", "^x1k+"),
            (Trend::Times(0.0), "quiet", "quiet"),
            (Trend::Times(1e-9), "▼÷1k+", "v/1k+"),
            (Trend::New, "new", "new"),
            (Trend::Steady, "=", "="),
            (Trend::Unknown, "", ""),
        ] {
            assert_eq!((trend.text(&UNICODE).as_str(), trend.text(&ASCII).as_str()), (unicode, ascii));
            assert!(unicode.chars().count() <= 5);
        }
    }
}
