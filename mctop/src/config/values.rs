//! Parsers for the values of options and settings. Their errors say what was expected.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::model::column::{COLUMNS, Column};
use crate::probe::budget::Budget;
use crate::probe::map_sizes::{MEMORY_MAX, MEMORY_MIN};

/// Columns, in the order in which to show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnList(pub Vec<Column>);

pub(crate) fn column_list(text: &str) -> Result<ColumnList, String> {
    columns(text).map(ColumnList)
}

/// Parses a list of columns: `rate,hit,size`, or `all`.
///
/// # Errors
/// Names an unknown column, or says what was expected.
pub(super) fn columns(text: &str) -> Result<Vec<Column>, String> {
    if text.trim() == "all" {
        return Ok(all_columns());
    }
    let mut columns = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let column = Column::parse(name).map_err(|error| error.to_string())?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    if columns.is_empty() { Err("expected at least one column, or all".to_owned()) } else { Ok(columns) }
}

/// All columns, in order.
pub(super) fn all_columns() -> Vec<Column> {
    COLUMNS.iter().map(|declaration| declaration.column).collect()
}

/// A parser for whole numbers within a range, which `expected` describes: "a port from 1 to 65535".
pub(crate) fn number<N: FromStr + PartialOrd + Clone>(
    expected: &'static str,
    range: RangeInclusive<N>,
) -> impl Fn(&str) -> Result<N, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("expected {expected}"))
    }
}

/// A time; a number without a unit is in seconds.
fn time(text: &str) -> Option<Duration> {
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// How long to watch.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const RANGE: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(31 * 86_400);
    let duration = time(text).filter(|duration| RANGE.contains(duration));
    duration.ok_or_else(|| "expected a time from 1ms to 31d, such as 500ms, 10s or 2m".into())
}

/// The length of an interval: long enough to drain the tables, short enough for their 32-bit counters.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    const RANGE: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
    let interval = time(text).filter(|interval| RANGE.contains(interval));
    interval.ok_or_else(|| "expected a time from 100ms to 10m, such as 500ms or 5s".into())
}

/// The size of the tables in bytes.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let bytes = parse_size::Config::new().with_binary().parse_size(text).ok();
    let bytes = bytes.filter(|bytes| (MEMORY_MIN..=MEMORY_MAX).contains(bytes));
    bytes.ok_or_else(|| "expected a size from 1M to 4G, such as 64M".into())
}

/// A share of CPU time, given in percent.
pub(crate) fn budget(text: &str) -> Result<Budget, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    let percent = percent.filter(|percent| (0.1..=100.0).contains(percent));
    percent
        .map(|percent| Budget(percent / 100.0))
        .ok_or_else(|| "expected a percentage from 0.1 to 100, such as 5".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(memory("64M"), Ok(crate::probe::map_sizes::MEMORY_DEFAULT));
        assert_eq!(memory("1GiB"), memory("1G"));
        for bad in ["", "much", "-1M", "1023K", "5G", "1e99"] {
            assert!(memory(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn budgets() {
        assert_eq!(budget("5"), Ok(Budget(0.05)));
        assert_eq!(budget("0.5%"), Ok(Budget(0.005)));
        for bad in ["", "%", "0", "-5", "101", "nan", "inf", "much"] {
            assert!(budget(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1.5s"), duration("1.5"));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for bad in ["0", "0s", "-1", "soon", "", "nan", "inf", "1e30", "99y"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
        assert!(interval("50ms").is_err() && interval("11m").is_err() && interval("1s").is_ok());
        assert_eq!(number("a port", 1..=65_535_u16)("11211"), Ok(11_211));
        assert_eq!(number("a port", 1..=65_535_u16)("0"), Err("expected a port".into()));
    }
}
