//! Each sum in a footer is checked, and each limit on servers holds.

use std::time::Duration;

use super::{header, small};
use crate::capture::change::{ChangeLine, KnownServers};
use crate::capture::format::{CostLine, EndedBy, FooterLine};
use crate::capture::interval_sums::IntervalSums;
use crate::capture::{CHANGES_MAX, TARGETS_MAX};
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Others, RecordedInterval};
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Loss;

/// An interval in which everything that a footer sums is nonzero.
fn interval() -> RecordedInterval {
    let RecordedInterval { mut interval, records } = small().remove(0);
    let one = Counts { hits: 1, ..Counts::default() };
    interval.others = Others { keys: 1, counts: one };
    interval.loss = Loss { untracked_calls: 1, read_faults: 3, ..Loss::default() };
    interval.total += &one;
    interval.total += &one;
    interval.outcomes = Outcomes { not_stored: 7, exists: 8, evicted: 9 };
    interval.cost = Some(Cost { hits: 4, probes: Duration::from_nanos(5), servers: Duration::from_nanos(6) });
    interval.with(records)
}

#[test]
fn each_sum_in_a_footer_is_checked() {
    let mut sums = IntervalSums::default();
    sums.add(&interval()).unwrap();
    let footer = || sums.footer(EndedBy::Duration);
    assert_eq!(sums.check_footer(&footer()), Ok(()));
    // Captures of older versions do not have this sum.
    assert_eq!(sums.check_footer(&FooterLine { others: None, ..footer() }), Ok(()));
    let loss = Loss { read_faults: 2, ..footer().loss };
    let cost = Some(CostLine::from(&Cost { servers: Duration::from_nanos(7), ..interval().interval.cost.unwrap() }));
    for (wrong, why) in [
        (FooterLine { intervals: 2, ..footer() }, "counts 2 intervals, but 1 came"),
        (FooterLine { total: Counts { sets: 1, ..footer().total }, ..footer() }, "not the sums"),
        (FooterLine { loss, ..footer() }, "not the sums"),
        (FooterLine { others: Some(Counts::default()), ..footer() }, "not the sums"),
        (FooterLine { outcomes: None, ..footer() }, "not the sums"),
        (FooterLine { cost, ..footer() }, "not the sums"),
        (FooterLine { cost: None, ..footer() }, "not the sums"),
    ] {
        let said = sums.check_footer(&wrong).unwrap_err();
        assert!(said.contains(why), "{why} is not in: {said}");
    }
}

#[test]
fn refused_intervals_are_not_added() {
    let mut sums = IntervalSums::default();
    sums.add(&interval()).unwrap();
    let late = |recorded: RecordedInterval| {
        let (start, end) = (Duration::from_secs(1), Duration::from_secs(2));
        Interval { start, end, ..recorded.interval }.with(recorded.records)
    };
    let empty = |interval: Interval| late(interval.with(Vec::new()));
    for (wrong, why) in [
        (interval(), "before the previous one ended"),
        (
            late(Interval { total: Counts::default(), ..interval().interval }.with(interval().records)),
            "the difference is",
        ),
        (
            empty(Interval { outcomes: Outcomes { evicted: 1 << 60, ..Outcomes::default() }, ..Interval::default() }),
            "too large",
        ),
        (empty(Interval { total: Counts { hits: 1 << 60, ..Counts::default() }, ..Interval::default() }), "too large"),
    ] {
        assert!(sums.add(&wrong).unwrap_err().contains(why), "{why}");
    }
    assert_eq!(sums.intervals(), 1);
    // An interval may start exactly when the previous one ended.
    sums.add(&late(interval())).unwrap();
    assert_eq!((sums.intervals(), sums.footer(EndedBy::Signal).total.hits), (2, 8));
}

fn zero(_: f64) -> Result<Duration, String> {
    Ok(Duration::ZERO)
}

#[test]
fn the_number_of_server_changes_is_limited() {
    let mut known = KnownServers::default();
    let refused = || ChangeLine::Refused { reason: "Why.".into() };
    for _ in 0..CHANGES_MAX {
        assert!(known.apply(refused(), zero).is_ok());
    }
    assert!(known.apply(refused(), zero).unwrap_err().contains("more than 65536 server changes"));
}

#[test]
fn the_number_of_servers_is_limited_and_indexes_have_no_gaps() {
    let info = header().targets[0].clone();
    let attached = |target: u32| ChangeLine::Attached { target, at_s: 0.0, info: info.clone() };
    let mut known = KnownServers::from_header(&vec![info.clone(); TARGETS_MAX - 1]).unwrap();
    let last = TARGETS_MAX as u32 - 1;
    assert!(known.apply(attached(last + 1), zero).is_err(), "it would leave a gap");
    assert!(known.apply(ChangeLine::Exited { target: last, at_s: 0.0 }, zero).is_err(), "it is not known yet");
    let entered = known.apply(attached(last), zero);
    assert_eq!(entered, Ok(Change::Attached { target: last, at: Duration::ZERO, info: info.clone() }));
    assert_eq!(known.targets(), TARGETS_MAX);
    assert!(known.apply(attached(last + 1), zero).is_err(), "there are too many");
    // A server that replaces another one does not add to the number.
    assert!(known.apply(attached(0), zero).is_ok());
    assert_eq!(known.targets(), TARGETS_MAX);
    assert!(known.apply(ChangeLine::Exited { target: last, at_s: 0.0 }, zero).is_ok());
    assert!(KnownServers::from_header(&vec![info; TARGETS_MAX + 1]).unwrap_err().contains("4097 servers"));
}
