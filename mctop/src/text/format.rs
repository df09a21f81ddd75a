//! How figures are written: counts, bytes, rates, ratios and times.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::snapshot::Ttl;

/// SI prefixes from 10³ to 10¹⁸, which a `u64` does not exceed.
const PREFIXES: &[char] = &['k', 'M', 'G', 'T', 'P', 'E'];
/// Value sizes below this are written exactly, in bytes.
const EXACT_SIZE: u32 = 1_000_000;

/// A count with thousands separators: `6,579,978`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A [`count`], with an SI prefix if it is longer than `room` cells: `12.3G`.
pub(crate) fn count_within(value: u64, room: Option<usize>) -> String {
    let exact = count(value);
    if room.is_none_or(|room| exact.len() <= room) { exact } else { scaled(value as f64, "") }
}

/// A rate per second: `131,599`, `12.5`, `<0.1`; with an SI prefix if it is longer than `room` cells.
pub(crate) fn rate(per_second: f64, room: Option<usize>) -> String {
    if per_second <= 0.0 {
        "0".to_owned()
    } else if per_second < 0.05 {
        "<0.1".to_owned()
    } else if per_second < 99.95 {
        format!("{per_second:.1}")
    } else {
        count_within(per_second.round() as u64, room)
    }
}

/// Bytes with SI prefixes (powers of 1000): `14.0 kB`.
pub(crate) fn bytes(value: f64) -> String {
    if value > 0.0 && value < 0.5 {
        return "<1 B".to_owned();
    }
    scaled(value, " ") + "B"
}

/// A value size, exact below 1 MB: `13,961 B`, `3.1 MB`.
pub(crate) fn size(value: u32) -> String {
    if value < EXACT_SIZE { format!("{} B", count(value.into())) } else { bytes(value.into()) }
}

/// A ratio of 0 to 1 in percent: `98.2%`. Only exactly 1 gives `100.0%` and only exactly 0 gives `0.0%`.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "<0.1%".to_owned()
    } else if (99.95..100.0).contains(&percent) {
        ">99.9%".to_owned()
    } else {
        format!("{percent:.1}%")
    }
}

/// A duration: `5.0 s`, `1m05s`, `2h03m`, `3d04h`.
pub(crate) fn duration(span: Duration) -> String {
    if span < Duration::from_secs(1) {
        let text = format!("{:.2}", span.as_secs_f64());
        format!("{} s", text.strip_suffix('0').unwrap_or(&text))
    } else if span.as_secs_f64() < 59.95 {
        format!("{:.1} s", span.as_secs_f64())
    } else {
        let seconds = span.as_secs().max(60);
        match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
            (0, 0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
            (0, hours, minutes, _) => format!("{hours}h{minutes:02}m"),
            (days, hours, _, _) => format!("{days}d{hours:02}h"),
        }
    }
}

/// A time as UTC, to the second.
pub(crate) fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A TTL in at most 6 cells: `30s`, `5m`, `1h30m`, `30d`; or the texts `never` and `unknown`.
pub(crate) fn ttl(ttl: Ttl, never: &str, unknown: &str) -> String {
    let pair = |big: u32, big_unit: char, small: u32, small_unit: char| {
        if small == 0 { format!("{big}{big_unit}") } else { format!("{big}{big_unit}{small}{small_unit}") }
    };
    match ttl {
        Ttl::Unknown => unknown.to_owned(),
        Ttl::Never => never.to_owned(),
        Ttl::Seconds(seconds @ 0..120) => format!("{seconds}s"),
        Ttl::Seconds(seconds @ 120..6_000) => pair(seconds / 60, 'm', seconds % 60, 's'),
        Ttl::Seconds(seconds @ 6_000..172_800) => pair(seconds / 3_600, 'h', seconds / 60 % 60, 'm'),
        Ttl::Seconds(seconds @ 172_800..8_640_000) => pair(seconds / 86_400, 'd', seconds / 3_600 % 24, 'h'),
        Ttl::Seconds(seconds) => format!("{}d", seconds / 86_400),
    }
}

/// Up to four digits and an SI prefix. A value that would round up to 1000 gets the next prefix.
fn scaled(value: f64, space: &str) -> String {
    if value < 999.5 {
        return format!("{value:.0}{space}");
    }
    let mut scaled = value / 1000.0;
    let mut prefixes = PREFIXES.iter().copied();
    let mut prefix = prefixes.next().unwrap_or('k');
    for next in prefixes {
        if scaled < 999.95 {
            break;
        }
        scaled /= 1000.0;
        prefix = next;
    }
    format!("{scaled:.1}{space}{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_have_separators() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (6_579_978, "6,579,978"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(value), text);
        }
        assert_eq!(count_within(999_999_999, Some(11)), "999,999,999");
        assert_eq!(count_within(12_345_678_901, Some(11)), "12.3G");
        assert_eq!(count_within(u64::MAX, Some(8)), "18.4E");
    }

    #[test]
    fn small_rates_have_a_decimal() {
        for (value, text) in [
            (0.0, "0"),
            (0.01, "<0.1"),
            (0.3, "0.3"),
            (12.54, "12.5"),
            (99.94, "99.9"),
            (99.96, "100"),
            (131_599.4, "131,599"),
        ] {
            assert_eq!(rate(value, None), text);
        }
        assert_eq!(rate(1_315_996.0, Some(8)), "1.3M");
    }

    #[test]
    fn bytes_take_the_next_prefix_before_four_digits() {
        for (value, text) in [
            (0.0, "0 B"),
            (0.1, "<1 B"),
            (999.0, "999 B"),
            (999.6, "1.0 kB"),
            (13_961.0, "14.0 kB"),
            (999_949.0, "999.9 kB"),
            (999_950.0, "1.0 MB"),
            (1.2e9, "1.2 GB"),
            (u64::MAX as f64, "18.4 EB"),
        ] {
            assert_eq!(bytes(value), text);
        }
        assert_eq!(size(13_961), "13,961 B");
        assert_eq!(size(0), "0 B");
        assert_eq!(size(999_999), "999,999 B");
        assert_eq!(size(3_100_000), "3.1 MB");
    }

    #[test]
    fn percentages_do_not_round_to_all_or_nothing() {
        for (value, text) in
            [(0.0, "0.0%"), (0.0001, "<0.1%"), (0.982, "98.2%"), (0.9999, ">99.9%"), (1.0, "100.0%"), (0.5, "50.0%")]
        {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn durations() {
        for (millis, text) in [
            (0, "0.0 s"),
            (250, "0.25 s"),
            (500, "0.5 s"),
            (999, "1.0 s"),
            (5_012, "5.0 s"),
            (59_949, "59.9 s"),
            (59_950, "1m00s"),
            (65_000, "1m05s"),
            (7_400_000, "2h03m"),
            (273_600_000, "3d04h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text, "{millis} ms");
        }
    }

    #[test]
    fn ttls() {
        for (seconds, text) in [
            (0, "0s"),
            (30, "30s"),
            (119, "119s"),
            (120, "2m"),
            (3_600, "60m"),
            (7_199, "1h59m"),
            (7_200, "2h"),
            (9_000, "2h30m"),
            (86_400, "24h"),
            (2_592_000, "30d"),
            (8_640_000, "100d"),
        ] {
            assert_eq!(ttl(Ttl::Seconds(seconds), "∞", "–"), text);
        }
        assert_eq!(ttl(Ttl::Never, "∞", "–"), "∞");
        assert_eq!(ttl(Ttl::Unknown, "∞", "–"), "–");
    }

    proptest! {
        #[test]
        fn figures_fit(value: u64, seconds: u32, ratio in 0.0..=1.0f64) {
            prop_assert!(count_within(value, Some(8)).len() <= 8);
            prop_assert!(rate(value as f64 / 60.0, Some(8)).len() <= 8);
            prop_assert!(bytes(value as f64 / 60.0).len() <= 8);
            prop_assert!(size(seconds).len() <= 9);
            prop_assert!(percent(ratio).len() <= 6);
            prop_assert!(ttl(Ttl::Seconds(seconds), "never", "-").len() <= 6);
        }
    }
}
