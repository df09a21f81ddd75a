use super::*;
use crate::model::sample;
use crate::model::snapshot::{Loss, Ttl};

const HOT: &str = "podYYYrails:NN::feature_rollout:percentages";

/// The flash sale with a hundredth of the reads of the hot key, one key gone and one new, over half the time.
fn after() -> Snapshot {
    let before = sample::flash_sale();
    let mut rows: Vec<Row> = before.rows.iter().filter(|row| row.key.escaped() != "menu:json").cloned().collect();
    rows.push(sample::read("new:key", 500, 10, Ttl::Never));
    for row in &mut rows {
        row.total = halved(&row.total);
        if row.key.escaped() == HOT {
            row.total.hits /= 100;
            row.total.bytes_out /= 100;
        }
    }
    Snapshot { duration: before.duration / 2, ..sample::of(rows) }
}

fn halved(counts: &Counts) -> Counts {
    Counts::from_values(counts.values().map(|count| count / 2))
}

fn compared(view: &DiffView) -> Diff {
    diff(&sample::flash_sale(), &after(), view, Key::clone)
}

fn named<'a>(diff: &'a Diff, name: &str) -> &'a KeyChange {
    diff.keys.iter().find(|key| key.key.escaped() == name).unwrap()
}

#[test]
fn rates_are_compared_and_the_largest_change_is_first() {
    let diff = compared(&DiffView::default());
    let hot = &diff.keys[0];
    assert_eq!((hot.key.escaped().as_str(), hot.presence, hot.change.chance), (HOT, Presence::Both, Chance::Unlikely));
    let factor = hot.change.before.calls_per_s() / hot.change.after.calls_per_s();
    assert!((99.9..100.1).contains(&factor), "{factor}");
    let factor = hot.change.before.bytes_per_s() / hot.change.after.bytes_per_s();
    assert!((99.9..100.1).contains(&factor), "{factor}");
    assert!(hot.impact > 0.9 && diff.total.calls() < 0.0);
    // Half the calls in half the time are no change.
    let shop = named(&diff, "podYYY:rails:NN::shop-KEY");
    assert_eq!((shop.change.calls(), shop.change.chance), (0.0, Chance::Possible));
    assert_eq!(named(&diff, "new:key").presence, Presence::New);
    assert_eq!(named(&diff, "menu:json").presence, Presence::Gone);
    assert_eq!((diff.new, diff.gone, diff.matching), (1, 1, sample::flash_sale().rows.len() + 1));
}

#[test]
fn keys_that_may_be_missing_are_not_called_new_or_gone() {
    let mut before = sample::flash_sale();
    before.loss = Loss { untracked_calls: 1, ..Loss::default() };
    let mut after = after();
    after.others.hits = 1;
    let diff = diff(&before, &after, &DiffView::default(), Key::clone);
    assert_eq!(named(&diff, "new:key").presence, Presence::MaybeNew);
    assert_eq!(named(&diff, "menu:json").presence, Presence::MaybeGone);
    assert_eq!((diff.new, diff.gone), (0, 0));
}

#[test]
fn views() {
    let by = |sort| compared(&DiffView { sort, ..DiffView::default() }).keys.remove(0).key.escaped();
    assert_eq!(by(Sort::Calls), HOT);
    assert_eq!(by(Sort::Bytes), HOT);
    assert_eq!(by(Sort::Key), "blob:Feature:000");
    let all = compared(&DiffView::default()).keys;
    for limit in [0, 1, 5, 1_000] {
        let some = compared(&DiffView { limit: Some(limit), ..DiffView::default() });
        assert_eq!((some.keys.as_slice(), some.matching), (&all[..limit.min(all.len())], all.len()));
    }
    let filtered = compared(&DiffView { filter: Some(Filter::parse("menu or new:").unwrap()), ..DiffView::default() });
    assert_eq!(filtered.matching, 2);
}

#[test]
fn groups_and_servers_are_added() {
    let mut before = sample::flash_sale();
    let mut twin = before.rows[0].clone();
    twin.target = 1;
    before.rows.push(twin);
    let family = |key: &Key| Key::new(key.bytes().split(|byte| *byte == b':').next().unwrap_or_default());
    let diff = diff(&before, &before, &DiffView::default(), family);
    assert_eq!(named(&diff, "blob").change.before.counts.hits, (1..=60).sum::<u64>() * 50);
    let hot = diff.keys.iter().find(|key| key.key.escaped() == "podYYYrails").unwrap();
    assert_eq!(hot.change.before.counts.hits, 2 * 131_599 * 50);
    assert!(diff.keys.iter().all(|key| key.change.calls() == 0.0));
}
