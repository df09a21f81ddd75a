//! Preparing, ranking and cancelling.

use super::*;
use crate::model::column::Column;
use crate::model::filter::Filter;
use crate::model::group::Grouping;
use crate::model::hints::HintKind;
use crate::model::sample;
use crate::model::snapshot::GroupId;
use crate::model::span::Span;
use crate::text::glyphs::UNICODE;
use proptest::prelude::*;

fn prepared(snapshot: Snapshot, view: &View) -> Arc<Prepared> {
    let (whole, view) = (Arc::new(snapshot), view.clone());
    let prepare = PrepareTask { whole, view, previous: None, glyphs: UNICODE };
    let made = Job { task: Task::Prepare(prepare), cancel: CancelToken::default() }.run();
    let Some(JobResult::Prepared(prepared)) = made else { panic!("{made:?}") };
    Arc::new(prepared)
}

fn order(snapshot: Snapshot, around: usize, view: View) -> RankTask {
    let prepared = prepared(snapshot, &view);
    RankTask {
        prepared,
        view,
        follow: None,
        center: around,
        radius: RANK_RADIUS,
        glyphs: UNICODE,
        known_histories: GroupHistories::default(),
    }
}

fn view() -> View {
    View { sort: Column::Rate, span: Span::Last, hints: Vec::new(), ..View::default() }
}

fn many(number: u64, around: usize) -> RankTask {
    order(sample::many(number), around, view())
}

#[test]
fn only_rows_around_the_center_are_ranked() {
    let ranking = many(5_000, 2_000).run();
    assert_eq!((ranking.matching, ranking.len(), ranking.ranks()), (5_000, 5_000, 1_500..2_500));
    assert_eq!(ranking.row(2_000).unwrap().key.escaped(), "key:002000");
    assert_eq!(ranking.row(1_499), None);
    assert_eq!(many(5_000, usize::MAX).run().ranks(), 4_499..5_000);
}

#[test]
fn a_followed_row_is_found_wherever_it_is() {
    let follow = Some((Key::new(b"key:004000"), 0));
    let ranking = RankTask { follow: follow.clone(), ..many(5_000, 0) }.run();
    assert_eq!(ranking.followed, Some(FollowedRow { index: 4_000, rank: Some(4_000) }));
    assert_eq!(ranking.row(4_000).unwrap().key.escaped(), "key:004000");
    let filter = Some(Filter::parse("!4000").unwrap());
    let mut hidden = RankTask { follow, ..many(5_000, 0) };
    hidden.view.filter = filter;
    assert_eq!(hidden.run().followed, Some(FollowedRow { index: 4_000, rank: None }));
    let gone = RankTask { follow: Some((Key::new(b"key:004000"), 0)), ..many(10, 3) }.run();
    assert_eq!((gone.followed, gone.ranks()), (None, 0..10));
}

#[test]
fn group_histories_are_computed_by_a_job_of_their_own() {
    let without = order(sample::incident(), 0, View { grouping: Some(Grouping::auto()), ..view() }).run();
    let group = without.snapshot().rows.iter().find(|row| row.is_group()).unwrap().clone();
    assert!(without.lacks_histories(0..5) && without.series(&group).points().is_empty());
    let job = Job { task: Task::GroupHistories(without, 0..50), cancel: CancelToken::default() };
    let cancelled = job.clone();
    let Some(JobResult::WithHistories(with)) = job.run() else { panic!("it was not cancelled") };
    assert!(!with.lacks_histories(0..5) && with.series(&group).points().len() == 60);
    assert!(!many(10, 0).run().lacks_histories(0..5), "keys already have histories");
    cancelled.cancel.cancel();
    assert!(cancelled.run().is_none());
}

#[test]
fn prepared_rows_are_reused_for_the_same_snapshot() {
    let hints = View { hints: HintKind::ALL.to_vec(), ..view() };
    let grouped = View { grouping: Some(Grouping::auto()), ..hints.clone() };
    let before = prepared(sample::incident(), &grouped);
    assert!(before.fits(&View { sort: Column::Size, ..grouped.clone() }) && !before.fits(&hints));
    let group = before.snapshot.rows.iter().find_map(GroupId::of);
    let whole = Arc::clone(&before.whole);
    let opened = View { opened: group, ..grouped.clone() };
    let prepare = PrepareTask { whole, view: opened.clone(), previous: Some(Arc::clone(&before)), glyphs: UNICODE };
    let inside = prepare.run(&CancelToken::default());
    assert!(Arc::ptr_eq(&inside.hints, &before.hints) && !before.hints.is_empty());
    assert_eq!((inside.keys, inside.snapshot.rows.len(), before.keys), (40, 40, before.whole.keys()));
    let alone = prepared(sample::incident(), &opened);
    assert_eq!((&alone.hints, &alone.snapshot.rows), (&inside.hints, &inside.snapshot.rows));
}

proptest! {
    #[test]
    fn a_sorted_part_equals_that_part_of_the_sorted_whole(mut items in proptest::collection::vec(0u8..30, 0..80), start in 0usize..90, length in 0usize..90) {
        let ranks = start..start + length;
        let part = rank::sorted_part(&mut items.clone(), ranks.clone(), Ord::cmp);
        items.sort_unstable();
        let end = ranks.end.min(items.len());
        prop_assert_eq!(part, items.get(start.min(end)..end).unwrap_or_default());
    }
}
