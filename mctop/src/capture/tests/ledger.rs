//! Each figure of a footer is compared, and each bound on servers holds, by itself.

use std::time::Duration;

use super::{header, small};
use crate::capture::change::{ChangeLine, Known};
use crate::capture::format::{CostLine, EndedBy, FooterLine};
use crate::capture::ledger::Ledger;
use crate::capture::{CHANGES_MAX, TARGETS_MAX};
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Others};
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Loss;

/// An interval with a bit of everything that a footer sums up.
fn interval() -> Interval {
    let mut interval = small().remove(0);
    let one = Counts { hits: 1, ..Counts::default() };
    interval.others = Others { keys: 1, counts: one };
    interval.loss = Loss { untracked_calls: 1, read_faults: 3, ..Loss::default() };
    interval.total += &one;
    interval.total += &one;
    interval.outcomes = Outcomes { not_stored: 7, exists: 8, evicted: 9 };
    interval.cost = Some(Cost { hits: 4, probes: Duration::from_nanos(5), servers: Duration::from_nanos(6) });
    interval
}

#[test]
fn each_figure_of_a_footer_counts() {
    let mut ledger = Ledger::default();
    ledger.enter(&interval()).unwrap();
    let footer = || ledger.footer(EndedBy::Duration);
    assert_eq!(ledger.compare(&footer()), Ok(()));
    // A capture of before has no such sum.
    assert_eq!(ledger.compare(&FooterLine { others: None, ..footer() }), Ok(()));
    let loss = Loss { read_faults: 2, ..footer().loss };
    let cost = Some(CostLine::from(&Cost { servers: Duration::from_nanos(7), ..interval().cost.unwrap() }));
    for (wrong, why) in [
        (FooterLine { intervals: 2, ..footer() }, "of 2 intervals, 1 came"),
        (FooterLine { total: Counts { sets: 1, ..footer().total }, ..footer() }, "not the sums"),
        (FooterLine { loss, ..footer() }, "not the sums"),
        (FooterLine { others: Some(Counts::default()), ..footer() }, "not the sums"),
        (FooterLine { outcomes: None, ..footer() }, "not the sums"),
        (FooterLine { cost, ..footer() }, "not the sums"),
        (FooterLine { cost: None, ..footer() }, "not the sums"),
    ] {
        let said = ledger.compare(&wrong).unwrap_err();
        assert!(said.contains(why), "{why} is not in: {said}");
    }
}

#[test]
fn what_is_refused_is_not_entered() {
    let mut ledger = Ledger::default();
    ledger.enter(&interval()).unwrap();
    let late = |interval: Interval| Interval { start: Duration::from_secs(1), end: Duration::from_secs(2), ..interval };
    for (wrong, why) in [
        (interval(), "before the end of the one before"),
        (late(Interval { total: Counts::default(), ..interval() }), "left over"),
        (
            late(Interval { outcomes: Outcomes { evicted: 1 << 60, ..Outcomes::default() }, ..Interval::default() }),
            "more than any",
        ),
        (
            late(Interval { total: Counts { hits: 1 << 60, ..Counts::default() }, ..Interval::default() }),
            "more than any",
        ),
    ] {
        assert!(ledger.enter(&wrong).unwrap_err().contains(why), "{why}");
    }
    assert_eq!(ledger.intervals(), 1);
    // One may begin when the one before ends.
    ledger.enter(&late(interval())).unwrap();
    assert_eq!((ledger.intervals(), ledger.footer(EndedBy::Signal).total.hits), (2, 8));
}

fn zero(_: f64) -> Result<Duration, String> {
    Ok(Duration::ZERO)
}

#[test]
fn changes_of_servers_are_bounded() {
    let mut known = Known::default();
    let refused = || ChangeLine::Refused { reason: "Why.".into() };
    for _ in 0..CHANGES_MAX {
        assert!(known.enter(refused(), zero).is_ok());
    }
    assert!(known.enter(refused(), zero).unwrap_err().contains("more than 65536 changes"));
}

#[test]
fn servers_are_bounded_and_follow_each_other() {
    let info = header().targets[0].clone();
    let attached = |target: u32| ChangeLine::Attached { target, at_s: 0.0, info: info.clone() };
    let mut known = Known::of_header(&vec![info.clone(); TARGETS_MAX - 1]).unwrap();
    let last = TARGETS_MAX as u32 - 1;
    assert!(known.enter(attached(last + 1), zero).is_err(), "one is left out");
    assert!(known.enter(ChangeLine::Exited { target: last, at_s: 0.0 }, zero).is_err(), "it is not known yet");
    let entered = known.enter(attached(last), zero);
    assert_eq!(entered, Ok(Change::Attached { target: last, at: Duration::ZERO, info: info.clone() }));
    assert_eq!(known.targets(), TARGETS_MAX);
    assert!(known.enter(attached(last + 1), zero).is_err(), "there are too many");
    // One that takes the place of another is no more.
    assert!(known.enter(attached(0), zero).is_ok());
    assert_eq!(known.targets(), TARGETS_MAX);
    assert!(known.enter(ChangeLine::Exited { target: last, at_s: 0.0 }, zero).is_ok());
    assert!(Known::of_header(&vec![info; TARGETS_MAX + 1]).unwrap_err().contains("4097 servers"));
}
