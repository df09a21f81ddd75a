use super::*;
use crate::model::sample;
use crate::model::snapshot::Ttl;

/// A row with these counts since the start, which are also those of the window.
fn counted(key: &str, total: Counts) -> Row {
    Row { total, recent: total, ..sample::row(key) }
}

fn hints(rows: Vec<Row>) -> Vec<Hint> {
    in_snapshot(&sample::of(rows))
}

fn in_snapshot(snapshot: &Snapshot) -> Vec<Hint> {
    let hints = find(snapshot, None, &HintKind::ALL, &Grouping::auto(), Span::Total);
    assert_eq!(find(snapshot, None, &[], &Grouping::auto(), Span::Total), Hints::default());
    for kind in HintKind::ALL {
        let only = find(snapshot, None, &[kind], &Grouping::auto(), Span::Total).hints;
        assert!(only.iter().all(|hint| hint.kind() == kind));
        assert_eq!(only, hints.hints.iter().filter(|hint| hint.kind() == kind).cloned().collect::<Vec<_>>());
    }
    hints.hints
}

/// Kind and key of each hint.
fn named(hints: &[Hint]) -> Vec<(HintKind, String)> {
    let name = |hint: &Hint| hint.subject.as_ref().map_or_else(String::new, |subject| subject.key.escaped());
    hints.iter().map(|hint| (hint.kind(), name(hint))).collect()
}

fn of(kind: HintKind, key: &str) -> (HintKind, String) {
    (kind, key.to_owned())
}

/// Enough other load that no tested key has most of it.
fn crowd() -> Vec<Row> {
    (0..40u8).map(|n| sample::read(format!("crowd-{}", char::from(b'A' + n)), 1_000, 1_000, Ttl::Never)).collect()
}

fn among_a_crowd(rows: impl IntoIterator<Item = Row>) -> Vec<(HintKind, String)> {
    let mut all = crowd();
    all.extend(rows);
    named(&hints(all))
}

#[test]
fn a_healthy_cache_has_no_hints() {
    assert_eq!(among_a_crowd([]), []);
    let missed = Counts { hits: 900, misses: 100, sets: 100, bytes_in: 10_000, ..Counts::default() };
    assert_eq!(among_a_crowd([Row { size: Some(100), ..counted("usual", missed) }]), []);
}

#[test]
fn the_incidents_are_reported() {
    let found = in_snapshot(&sample::flash_sale());
    assert_eq!(
        named(&found),
        [
            of(HintKind::HotKey, "podYYYrails:NN::feature_rollout:percentages"),
            of(HintKind::BigValue, "menu:json"),
            of(HintKind::NeverHits, "product:1"),
        ]
    );
    assert!(found.is_sorted_by(|a, b| a.impact() >= b.impact()));
    assert!(matches!(found[2].finding, Finding::NeverHits { largest: Some(0) }));
}

#[test]
fn reads_that_never_hit() {
    let reads = |hits, misses| counted("a", Counts { hits, misses, ..Counts::default() });
    assert_eq!(among_a_crowd([reads(0, 100)]), [of(HintKind::NeverHits, "a")]);
    assert_eq!(among_a_crowd([reads(1, 199)]), [of(HintKind::NeverHits, "a")]);
    assert_eq!(among_a_crowd([reads(0, 99)]), []);
    assert_eq!(among_a_crowd([reads(1, 99)]), []);
}

#[test]
fn a_family_that_never_hits_is_reported_once() {
    let product = |n: u64, misses| counted(&format!("product:{n}"), Counts { misses, sets: 1, ..Counts::default() });
    // None of its keys alone deserves a hint.
    let cold = (0..100).map(|n| product(n, 10));
    assert_eq!(among_a_crowd(cold), [of(HintKind::NeverHits, "product:*")]);
    // Some of its keys alone deserve a hint.
    let mixed = (0..100).map(|n| product(n, 10 + 5 * n));
    assert_eq!(among_a_crowd(mixed), [of(HintKind::NeverHits, "product:*")]);
    assert_eq!(among_a_crowd((0..99).map(|n| product(n, 10))), []);
    // The family is fine but for one key.
    let hitting = (1..100).map(|n| sample::read(format!("product:{n}"), 1, 10, Ttl::Never));
    assert_eq!(among_a_crowd(hitting.chain([product(0, 500)])), [of(HintKind::NeverHits, "product:0")]);
}

#[test]
fn groups_of_a_grouped_snapshot_are_families() {
    let product = |n: u64| counted(&format!("product:{n}"), Counts { misses: 10, ..Counts::default() });
    let snapshot = sample::of(crowd().into_iter().chain((0..100).map(product)).collect());
    let grouped = Grouping::auto().apply(&snapshot);
    let found = find(&grouped, None, &HintKind::ALL, &Grouping::auto(), Span::Total);
    assert_eq!(found, find(&snapshot, None, &HintKind::ALL, &Grouping::auto(), Span::Total));
    assert_eq!(found.hints[0].subject.as_ref().map(|subject| subject.keys), Some(100));
}

#[test]
fn empty_values_that_are_read() {
    let row = |counts, size| Row { size, ..counted("flag", counts) };
    let counts = Counts { hits: 20, sets: 20, ..Counts::default() };
    assert_eq!(among_a_crowd([row(counts, Some(0))]), [of(HintKind::EmptyValues, "flag")]);
    assert_eq!(among_a_crowd([row(Counts { hits: 19, ..counts }, Some(0))]), []);
    assert_eq!(among_a_crowd([row(Counts { bytes_in: 1, ..counts }, Some(0))]), []);
    assert_eq!(among_a_crowd([row(counts, None)]), [], "stores of unknown size");
    assert_eq!(
        among_a_crowd([row(Counts { hits: 0, misses: 500, ..counts }, Some(0))]),
        [of(HintKind::NeverHits, "flag")]
    );
}

#[test]
fn a_hot_key_that_many_fill_at_once() {
    let row = |counts| counted("hot", counts);
    let counts = Counts { hits: 20_000, misses: 400, expired: 4, sets: 200, bytes_in: 20_000, ..Counts::default() };
    assert_eq!(among_a_crowd([row(counts)]), [of(HintKind::Stampede, "hot")]);
    let deleted = Counts { expired: 0, deletes: 9, delete_hits: 4, ..counts };
    assert_eq!(among_a_crowd([row(deleted)]), [of(HintKind::Stampede, "hot")]);
    // A single client refills it; misses without stores; a cold key; no known losses.
    for other in [
        Counts { misses: 4, sets: 4, ..counts },
        Counts { sets: 19, ..counts },
        Counts { hits: 399, ..counts },
        Counts { expired: 0, ..counts },
    ] {
        assert_eq!(among_a_crowd([row(other)]), [], "{other:?}");
    }
}

#[test]
fn a_hot_key_that_is_missed_now() {
    let last = Counts { misses: 10, sets: 5, ..Counts::default() };
    let recent = Counts { hits: 5_000, misses: 10, sets: 5, ..Counts::default() };
    let row = |last, recent| Row { last, recent, total: recent, ..sample::row("hot") };
    assert_eq!(among_a_crowd([row(last, recent)]), [of(HintKind::Stampede, "hot")]);
    for last in [Counts { misses: 9, ..last }, Counts { sets: 4, ..last }] {
        assert_eq!(among_a_crowd([row(last, recent)]), []);
    }
    assert_eq!(among_a_crowd([row(last, Counts { hits: 99, ..recent })]), []);
}

#[test]
fn values_that_are_large() {
    let value = |size| sample::read("menu", 1, size, Ttl::Never);
    assert_eq!(among_a_crowd([value(1_000_001)]), [of(HintKind::BigValue, "menu")]);
    assert_eq!(among_a_crowd([value(1_000_000)]), []);
    let unused = Row { total: Counts { deletes: 9, ..Counts::default() }, ..value(3_000_000) };
    assert_eq!(among_a_crowd([unused]), []);
}

#[test]
fn many_keys_that_expire_in_one_second() {
    let keys = |number: u32, ttl: fn(u32) -> u32| {
        (0..number).map(move |n| sample::read(format!("blob:{n}"), 200, 10, Ttl::Seconds(ttl(n))))
    };
    let expected = [of(HintKind::ExpireTogether, "blob:*")];
    assert_eq!(among_a_crowd(keys(20, |_| 25)), expected);
    assert_eq!(among_a_crowd(keys(60, |n| if n < 30 { 25 } else { n })), expected);
    assert_eq!(among_a_crowd(keys(19, |_| 25)), []);
    // Spread over a minute, like keys stored on demand; or all within two seconds, where they cannot spread.
    assert_eq!(among_a_crowd(keys(300, |n| n % 60)), []);
    assert_eq!(among_a_crowd(keys(300, |n| n % 2)), []);
    let stored_always = keys(20, |_| 25).map(|mut row| {
        row.total.sets = row.total.gets();
        row
    });
    assert_eq!(among_a_crowd(stored_always), []);
}

#[test]
fn one_key_that_is_the_load() {
    let alone = |rate| sample::read("hot", rate, 10, Ttl::Never);
    assert_eq!(among_a_crowd([alone(14_000)]), [of(HintKind::HotKey, "hot")]);
    assert_eq!(among_a_crowd([alone(13_000)]), []);
    assert_eq!(named(&hints(vec![alone(100)])), [of(HintKind::HotKey, "hot")]);
    assert_eq!(named(&hints(vec![alone(99)])), [], "an idle server");
}

#[test]
fn stores_without_reads() {
    let row = |hits, sets| counted("log", Counts { hits, sets, bytes_in: sets, ..Counts::default() });
    assert_eq!(among_a_crowd([row(50, 500)]), [of(HintKind::SetStorm, "log")]);
    assert_eq!(among_a_crowd([row(51, 500)]), []);
    assert_eq!(among_a_crowd([row(0, 499)]), []);
    let family = |number: u64| {
        (0..number).map(|n| counted(&format!("log:{n}"), Counts { sets: 50, bytes_in: 50, ..Counts::default() }))
    };
    assert_eq!(among_a_crowd(family(100)), [of(HintKind::SetStorm, "log:*")]);
    assert_eq!(among_a_crowd(family(99)), []);
}

#[test]
fn there_are_not_too_many_and_not_too_early() {
    let never = |n: u8| {
        counted(
            &format!("never-{}", char::from(b'A' + n)),
            Counts { misses: 1_000 - u64::from(n), ..Counts::default() },
        )
    };
    let mut snapshot = sample::of(crowd().into_iter().chain((0..20).map(never)).collect());
    let found = find(&snapshot, None, &HintKind::ALL, &Grouping::auto(), Span::Total);
    assert_eq!((found.hints.len(), found.left_out), (thresholds::PER_KIND, 17));
    assert_eq!(found.hints[0].subject.as_ref().map(|subject| subject.key.escaped()), Some("never-A".to_owned()));
    snapshot.duration = Duration::from_millis(1_999);
    assert_eq!(find(&snapshot, None, &HintKind::ALL, &Grouping::auto(), Span::Total), Hints::default());
}

#[test]
fn names_are_parsed() {
    for kind in HintKind::ALL {
        assert_eq!(HintKind::parse(kind.name()).unwrap(), kind);
    }
    let error = HintKind::parse("nothing").unwrap_err().to_string();
    assert!(error.contains("never-hits, empty-values, stampede"), "{error}");
}
