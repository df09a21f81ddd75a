use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::model::counts::Counts;
use crate::model::history::WINDOW;
use crate::model::rows::{Spread, Ttl};
use crate::model::sample;

fn grouping(source: &str) -> Grouping {
    Grouping::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn name(source: &str, key: &str) -> String {
    grouping(source).name(&Key::new(key.as_bytes())).escaped()
}

fn find<'a>(snapshot: &'a Snapshot, key: &str) -> &'a Row {
    snapshot.rows.iter().find(|row| row.key.bytes() == key.as_bytes()).unwrap()
}

#[test]
fn prefixes_keep_the_first_parts() {
    for (source, key, expected) in [
        (":2", "a:b:c:d", "a:b:*"),
        (":2", "a:b:c", "a:b:*"),
        (":2", "a:b:", "a:b:*"),
        (":2", "a:b", "a:b"),
        (":1", "a", "a"),
        (":1", ":a", ":*"),
        (":2", "podXXX::M:blob", "podXXX::*"),
        ("::1", "podXXX::M:blob", "podXXX::*"),
        ("/1", "views/shops/42", "views/*"),
        ("-1", "shop-42", "shop-*"),
        (".3", "a.b.c.d.e", "a.b.c.*"),
        ("·1", "a·b", "a·*"),
    ] {
        assert_eq!(name(source, key), expected, "{source} {key}");
    }
}

#[test]
fn expressions_keep_what_they_capture() {
    for (source, key, expected) in [
        (r"/^(\w+):\d+:(\w+)$/", "user:42:profile", "user*profile"),
        (r"/^(\w+):\d+:(\w+)$/", "user:x:profile", "user:x:profile"),
        (r"/(blob):(Feature)/", "podXXX::M:blob:Feature:1", "*blob*Feature*"),
        ("/^user:/", "user:42", "user:*"),
        ("/b/", "abc", "*b*"),
        ("/^.*$/", "a:1", "a:1"),
        ("/^(a)?b(c)/", "bcd", "*c*"),
        // Nested groups, and a later group that captures before an earlier one.
        ("/^((a)b)c/", "abc", "ab*"),
        ("/^(?:(a)|(b))+/", "ba1", "ba*"),
        (r"/^(\w+)\/\d+/", "a/1", "a*"),
        ("/()/", "anything", "*"),
    ] {
        assert_eq!(name(source, key), expected, "{source} {key}");
    }
    let bytes = grouping("/^(..):/").name(&Key::new(b"\xff\x00:\x80"));
    assert_eq!(bytes.bytes(), b"\xff\x00*");
}

#[test]
fn errors_say_what_was_expected() {
    for (source, part) in [
        ("", "expected auto"),
        ("Auto", "expected auto"),
        (":", "expected auto"),
        ("2", "expected auto"),
        ("a2", "expected auto"),
        ("x:2", "expected auto"),
        (":0", "at least 1"),
        (":99999999999999999999999", "invalid depth"),
        ("//", "is empty"),
        ("/", "expected auto"),
        ("/a(/", "regular expression"),
        ("/a{1000}{1000}{1000}/", "bytes"),
    ] {
        let error = Grouping::parse(source).unwrap_err().to_string();
        assert!(error.contains(part), "{source:?}: {error}");
    }
}

#[test]
fn a_family_is_one_row_and_a_lone_key_is_itself() {
    let snapshot = sample::flash_sale();
    let grouped = Grouping::auto().apply(&snapshot);
    assert_eq!(grouped.level, Level::Groups { by: "auto".to_owned() });
    assert_eq!(grouped.rows.len(), 6);
    let family = find(&grouped, "blob:Feature:*");
    assert_eq!((family.keys, family.is_group()), (60, true));
    assert_eq!(family.last.hits, (1..=60).sum::<u64>());
    assert_eq!((family.size, family.ttl), (None, Ttl::Unknown));
    let ttls = Some((Ttl::Seconds(0), Ttl::Seconds(59 * 97)));
    assert_eq!(family.spread, Some(Spread { sizes: Some((100, 159)), ttls }));
    assert_eq!(find(&grouped, "product:1"), find(&snapshot, "product:1"));
}

#[test]
fn groups_have_the_values_that_all_their_items_share() {
    let rows = vec![
        sample::read("a:1", 1, 100, Ttl::Never),
        sample::row("a:2"),
        sample::read("a:3", 1, 100, Ttl::Never),
        sample::row("b:1"),
        sample::row("b:2"),
    ];
    let grouped = Grouping::auto().apply(&sample::of(rows));
    let a = find(&grouped, "a:*");
    assert_eq!((a.keys, a.size, a.ttl), (3, Some(100), Ttl::Never));
    assert_eq!((a.sizes(), a.ttls()), (Some((100, 100)), Some((Ttl::Never, Ttl::Never))));
    let b = find(&grouped, "b:*");
    assert_eq!((b.keys, b.size, b.ttl, b.sizes(), b.ttls()), (2, None, Ttl::Unknown, None, None));
}

#[test]
fn servers_are_not_merged() {
    let on = |key: &str, target| Row { target, ..sample::read(key, 1, 1, Ttl::Never) };
    let snapshot = sample::of(vec![on("a:1", 0), on("a:2", 1), on("a:3", 0), on("a:4", 1), on("b:1", 0), on("b:2", 1)]);
    let grouping = Grouping::auto();
    let grouped = grouping.apply(&snapshot);
    let mut rows: Vec<_> = grouped.rows.iter().map(|row| (row.key.escaped(), row.target, row.keys)).collect();
    rows.sort();
    let row = |key: &str, target, keys| (key.to_owned(), target, keys);
    assert_eq!(rows, [row("a:*", 0, 2), row("a:*", 1, 2), row("b:1", 0, 1), row("b:2", 1, 1)]);
    let group = GroupId { name: Key::new(b"a:*"), target: 1 };
    let members = grouping.members(&snapshot, &group);
    assert_eq!(members.rows.iter().map(|row| row.key.escaped()).collect::<Vec<_>>(), ["a:2", "a:4"]);
    assert_eq!(members.level, Level::Members { by: "auto".to_owned(), of: group });
    assert_eq!(members.total, snapshot.total);
}

/// A key with the name of a group belongs to that group.
#[test]
fn keys_may_look_like_names() {
    let row = |key: &str| sample::read(key, 1, 1, Ttl::Never);
    let snapshot = sample::of(vec![row("a:*"), row("a:1")]);
    let grouped = Grouping::auto().apply(&snapshot);
    assert_eq!((grouped.rows.len(), grouped.rows[0].keys), (1, 2));
    let group = GroupId::of(&grouped.rows[0]).unwrap();
    assert_eq!(Grouping::auto().members(&snapshot, &group).rows.len(), 2);
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ab]:[0-9]{1,2}(:[xyz])?".prop_map(String::into_bytes),
        "[a-f0-9:*-]{1,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..20),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let ttl = prop_oneof![Just(Ttl::Unknown), Just(Ttl::Never), (0..100u32).prop_map(Ttl::Seconds)];
    (key(), 0..3u32, 0..100u64, 0..100u64, proptest::option::of(0..1_000u32), ttl).prop_map(
        |(key, target, hits, sets, size, ttl)| {
            let last = Counts { hits, sets, bytes_out: hits * 7, bytes_in: sets, ..Counts::default() };
            let total = Counts { misses: 3, ..last };
            Row { target, total, last, recent: last, size, ttl, ..sample::row(key) }
        },
    )
}

fn sum<'a>(counts: impl Iterator<Item = &'a Counts>) -> Counts {
    counts.fold(Counts::default(), |mut sum, counts| {
        sum += counts;
        sum
    })
}

proptest! {
    #[test]
    fn sums_are_kept_and_groups_are_their_members(
        rows in proptest::collection::vec(row(), 0..60),
        source in prop_oneof![Just("auto"), Just(":1"), Just("-2"), Just("/^([a-z])(.)/"), Just("/[0-9]/"), Just("/(?s)^./")],
    ) {
        // A key occurs once per server.
        let mut rows = rows;
        rows.sort_by(|a, b| (&a.key, a.target).cmp(&(&b.key, b.target)));
        rows.dedup_by(|a, b| (&a.key, a.target) == (&b.key, b.target));
        let snapshot = sample::with_loss(sample::of(rows));
        let grouping = grouping(source);
        let grouped = grouping.apply(&snapshot);
        prop_assert_eq!(grouped.keys(), snapshot.keys());
        for counts in [|row: &Row| row.total, |row: &Row| row.last, |row: &Row| row.recent] {
            let all = |rows: &[Row]| sum(rows.iter().map(counts).collect::<Vec<_>>().iter());
            prop_assert_eq!(all(&grouped.rows), all(&snapshot.rows));
        }
        prop_assert_eq!(sum(grouped.rows.iter().map(|row| &row.total)).calls() + grouped.loss.untracked_calls, grouped.total.calls());
        prop_assert_eq!((grouped.total, grouped.last, grouped.recent, grouped.loss), (snapshot.total, snapshot.last, snapshot.recent, snapshot.loss));
        let mut seen = 0;
        for row in &grouped.rows {
            let group = GroupId { name: grouping.name(&row.key), target: row.target };
            match GroupId::of(row) {
                Some(id) => {
                    let members = grouping.members(&snapshot, &id);
                    prop_assert_eq!(members.rows.len() as u64, row.keys);
                    prop_assert_eq!(sum(members.rows.iter().map(|row| &row.total)), row.total);
                    let sizes: Vec<u32> = members.rows.iter().filter_map(|row| row.size).collect();
                    prop_assert_eq!(row.sizes(), sizes.iter().min().copied().zip(sizes.iter().max().copied()));
                }
                None => {
                    prop_assert!(snapshot.rows.contains(row));
                    prop_assert_eq!(grouping.members(&snapshot, &group).rows.len(), 1);
                }
            }
            seen += row.keys;
        }
        prop_assert_eq!(seen, snapshot.rows.len() as u64);
    }

    #[test]
    fn any_text_is_a_grouping_or_an_error(source in "[a-z:/0-9()*\\\\-]{0,12}|\\PC{0,12}", key in key()) {
        if let Ok(grouping) = Grouping::parse(&source) {
            prop_assert_eq!(grouping.source(), &source);
            prop_assert!(grouping.name(&Key::new(&key)).bytes().len() <= key.len() + 1);
        }
    }
}

#[test]
fn the_history_of_a_group_is_the_sum_of_its_keys() {
    let snapshot = sample::incident();
    let grouping = Grouping::auto();
    let grouped = grouping.group(&snapshot, || true);
    let rows: Vec<usize> =
        (0..grouped.snapshot.rows.len()).filter(|row| grouped.snapshot.rows[*row].is_group()).collect();
    let groups: Vec<GroupId> = grouped.snapshot.rows.iter().filter_map(GroupId::of).collect();
    let series = grouped.series(&snapshot, &rows, || true);
    assert_eq!((groups.len(), series.len()), (1, 1));
    assert_eq!(groups[0].name.escaped(), "podXXX::M:blob:Feature:*:SHOP");
    let members: Vec<Row> =
        snapshot.rows.iter().filter(|row| grouping.name(&row.key) == groups[0].name).cloned().collect();
    assert_eq!(members.len(), 40);
    for count in [Counts::calls, Counts::bytes] {
        let of_keys = members.iter().map(|row| snapshot.history.of(row).rates(WINDOW, 60, count));
        let sums = of_keys
            .fold(vec![0.0; 60], |sums, rates| sums.iter().zip(rates).map(|(sum, rate)| sum + rate.unwrap()).collect());
        let rates = series[0].rates(WINDOW, 60, count);
        assert!(rates.iter().zip(&sums).all(|(rate, sum)| (rate.unwrap() - sum).abs() < 1e-6), "{rates:?} {sums:?}");
        assert!(sums[59] > 0.0);
    }
    assert!(grouped.series(&snapshot, &[], || true).is_empty());
}

#[test]
fn grouping_stops_when_it_is_cancelled() {
    let snapshot = sample::incident();
    let steps = Cell::new(0);
    let few = || steps.replace(steps.get() + 1) < 3;
    let grouped = Grouping::auto().group(&snapshot, few);
    assert_eq!((steps.get(), grouped.snapshot.keys()), (4, 3), "go_on is called once per row, and stops the work");
    let grouped = Grouping::auto().group(&snapshot, || true);
    let rows: Vec<usize> = (0..grouped.snapshot.rows.len()).collect();
    steps.set(0);
    let series = grouped.series(&snapshot, &rows, few);
    assert_eq!((steps.get(), series[0].points().len()), (4, 3), "go_on is called once per interval");
}
