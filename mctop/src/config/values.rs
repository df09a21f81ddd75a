//! Parsers of the values of options and settings.

use std::time::Duration;

use super::setting;
use crate::model::column::Column;
use crate::probe::budget::Budget;
use crate::probe::map_sizes::{MEMORY_MAX, MEMORY_MIN};

/// Columns, in the order to show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnList(pub Vec<Column>);

pub(crate) fn column_list(text: &str) -> Result<ColumnList, String> {
    setting::columns(text).map(ColumnList)
}

/// A time longer than zero; a number alone is in seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    };
    let duration = parsed.map_err(|error| format!("{error}; expected a time such as 500ms, 10s or 2m"))?;
    if duration < Duration::from_millis(1) {
        return Err("the duration must be at least 1 ms, such as 500ms, 10s or 2m".into());
    }
    if duration > Duration::from_secs(31 * 86_400) {
        return Err("the duration must be at most 31 days, such as 500ms, 10s or 2m".into());
    }
    Ok(duration)
}

/// A size in bytes that the tables can have.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let parsed = parse_size::Config::new().with_binary().parse_size(text);
    let bytes = parsed.map_err(|error| format!("{error}; expected a size such as 64M or 1G"))?;
    if (MEMORY_MIN..=MEMORY_MAX).contains(&bytes) { Ok(bytes) } else { Err("expected a size from 1M to 4G".into()) }
}

/// A share of a processor's time, in percent.
pub(crate) fn budget(text: &str) -> Result<Budget, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    let percent = percent.filter(|percent| (0.1..=100.0).contains(percent));
    percent
        .map(|percent| Budget(percent / 100.0))
        .ok_or_else(|| "expected a percentage from 0.1 to 100, such as 5".into())
}

/// An interval: long enough to drain the tables, short enough for their 32-bit counts.
///
/// # Errors
/// What is wrong with the text, and what was expected.
pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if (Duration::from_millis(100)..=Duration::from_secs(600)).contains(&duration) {
        Ok(duration)
    } else {
        Err("expected an interval from 100ms to 10m".into())
    }
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
    }
}
