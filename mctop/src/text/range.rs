//! How the sizes and TTLs of a group are written: as a range or, where there is little room, as the bound that matters: the
//! largest size and the shortest TTL.

use super::format;
use super::glyphs::Glyphs;
use crate::model::snapshot::Ttl;

/// A range of value sizes: `13,961 B`, `100–2,048 B`; in a cell of limited width `≤2.1 kB`.
pub(crate) fn sizes((smallest, largest): (u32, u32), room: Option<usize>, glyphs: &Glyphs) -> String {
    if smallest == largest {
        return format::size(largest);
    }
    if room.is_some() {
        return format!("{}{}", glyphs.at_most, format::bytes(rounded_up(largest)));
    }
    range(&format::size(smallest), &format::size(largest), glyphs)
}

/// A range of TTLs: `30s`, `30s–2h`; in a cell of limited width `≥30s`, rounded down to one unit.
pub(crate) fn ttls((shortest, longest): (Ttl, Ttl), room: Option<usize>, glyphs: &Glyphs) -> String {
    let text = |ttl| format::ttl(ttl, glyphs.never, glyphs.unknown);
    if shortest == longest {
        return text(shortest);
    }
    if room.is_some() {
        return format!("{}{}", glyphs.at_least, text(one_unit(shortest)));
    }
    range(&text(shortest), &text(longest), glyphs)
}

/// Rounded up to the precision of [`format::bytes`], so that the figure shown is an upper bound.
fn rounded_up(size: u32) -> f64 {
    let step = match size {
        0..1_000 => 1,
        1_000..1_000_000 => 100,
        1_000_000..1_000_000_000 => 100_000,
        _ => 100_000_000,
    };
    f64::from(size.div_ceil(step)) * f64::from(step)
}

/// Rounded down to a TTL that [`format::ttl`] writes in one unit and few digits, so that the figure shown is a lower bound.
fn one_unit(ttl: Ttl) -> Ttl {
    match ttl {
        Ttl::Seconds(seconds) => {
            let unit = match seconds {
                0..120 => 1,
                120..7_200 => 60,
                7_200..172_800 => 3_600,
                _ => 86_400,
            };
            // Anything longer is shown as at least 999 days.
            Ttl::Seconds((seconds - seconds % unit).min(999 * 86_400))
        }
        other => other,
    }
}

/// If both figures have the same unit, it is written once.
fn range(least: &str, most: &str, glyphs: &Glyphs) -> String {
    let least = match (least.split_once(' '), most.split_once(' ')) {
        (Some((figure, unit)), Some((_, other))) if unit == other => figure,
        _ => least,
    };
    format!("{least}{}{most}", glyphs.range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fit::width;
    use crate::text::glyphs::{ASCII, UNICODE};
    use proptest::prelude::*;

    #[test]
    fn a_range_is_shortened_to_one_bound_where_room_is_limited() {
        assert_eq!(sizes((13_961, 13_961), None, &UNICODE), "13,961 B");
        assert_eq!(sizes((100, 2_048), None, &UNICODE), "100–2,048 B");
        assert_eq!(sizes((100, 3_145_728), None, &UNICODE), "100 B–3.1 MB");
        assert_eq!(sizes((100, 2_048), Some(9), &UNICODE), "≤2.1 kB");
        assert_eq!(sizes((100, 999_950), Some(9), &ASCII), "<=1.0 MB");
        assert_eq!(ttls((Ttl::Seconds(30), Ttl::Seconds(7_200)), None, &UNICODE), "30s–2h");
        assert_eq!(ttls((Ttl::Seconds(30), Ttl::Never), None, &UNICODE), "30s–∞");
        assert_eq!(ttls((Ttl::Seconds(5_430), Ttl::Never), Some(6), &UNICODE), "≥90m");
        assert_eq!(ttls((Ttl::Never, Ttl::Never), Some(6), &UNICODE), "∞");
        assert_eq!(ttls((Ttl::Seconds(u32::MAX), Ttl::Never), Some(6), &ASCII), ">=999d");
    }

    proptest! {
        #[test]
        fn cells_fit(least: u32, most: u32) {
            let (sizes, ttls) = ((least.min(most), least.max(most)), (Ttl::Seconds(least.min(most)), Ttl::Never));
            prop_assert!(width(&super::sizes(sizes, Some(9), &UNICODE)) <= 9);
            prop_assert!(width(&super::ttls(ttls, Some(6), &UNICODE)) <= 6);
            prop_assert!(width(&super::ttls(ttls, Some(6), &ASCII)) <= 6);
        }
    }
}
