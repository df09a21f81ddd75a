//! What is prepared and ranked, and what is given up.

use super::*;
use crate::model::column::Column;
use crate::model::filter::Filter;
use crate::model::group::{GroupId, Grouping};
use crate::model::hints::HintKind;
use crate::model::span::Span;
use crate::report::glyphs::UNICODE;
use crate::report::sample;
use proptest::prelude::*;

fn prepared(snapshot: Snapshot, view: &View) -> Arc<Prepared> {
    let (whole, view) = (Arc::new(snapshot), view.clone());
    let prepare = Prepare { whole, view, before: None, glyphs: UNICODE };
    let made = Job { work: Work::Prepare(prepare), wanted: Wanted::default() }.run();
    let Some(Made::Prepared(prepared)) = made else { panic!("{made:?}") };
    Arc::new(prepared)
}

fn order(snapshot: Snapshot, around: usize, view: View) -> Order {
    let prepared = prepared(snapshot, &view);
    Order { prepared, view, follow: None, around, reach: REACH, glyphs: UNICODE, known: Courses::default() }
}

fn view() -> View {
    View { sort: Column::Rate, span: Span::Last, hints: Vec::new(), ..View::default() }
}

fn many(number: u64, around: usize) -> Order {
    order(sample::many(number), around, view())
}

#[test]
fn only_what_is_around_is_ranked() {
    let ranking = many(5_000, 2_000).run();
    assert_eq!((ranking.matching, ranking.len(), ranking.ranks()), (5_000, 5_000, 1_500..2_500));
    assert_eq!(ranking.row(2_000).unwrap().key.escaped(), "key:002000");
    assert_eq!(ranking.row(1_499), None);
    assert_eq!(many(5_000, usize::MAX).run().ranks(), 4_499..5_000);
}

#[test]
fn a_followed_row_is_found_wherever_it_is() {
    let follow = Some((Key::new(b"key:004000"), 0));
    let ranking = Order { follow: follow.clone(), ..many(5_000, 0) }.run();
    assert_eq!(ranking.followed, Some(Followed { index: 4_000, rank: Some(4_000) }));
    assert_eq!(ranking.row(4_000).unwrap().key.escaped(), "key:004000");
    let filter = Some(Filter::parse("!4000").unwrap());
    let mut hidden = Order { follow, ..many(5_000, 0) };
    hidden.view.filter = filter;
    assert_eq!(hidden.run().followed, Some(Followed { index: 4_000, rank: None }));
    let gone = Order { follow: Some((Key::new(b"key:004000"), 0)), ..many(10, 3) }.run();
    assert_eq!((gone.followed, gone.ranks()), (None, 0..10));
}

#[test]
fn courses_of_groups_are_made_when_they_are_wanted() {
    let without = order(sample::incident(), 0, View { grouping: Some(Grouping::auto()), ..view() }).run();
    let group = without.snapshot().rows.iter().find(|row| row.is_group()).unwrap().clone();
    assert!(without.lacks_courses(0..5) && without.series(&group).points().is_empty());
    let job = Job { work: Work::Courses(without, 0..50), wanted: Wanted::default() };
    let given_up = job.clone();
    let Some(Made::Coursed(with)) = job.run() else { panic!("it is wanted") };
    assert!(!with.lacks_courses(0..5) && with.series(&group).points().len() == 60);
    assert!(!many(10, 0).run().lacks_courses(0..5), "keys have theirs");
    given_up.wanted.give_up();
    assert!(given_up.run().is_none());
}

#[test]
fn what_was_prepared_serves_again_where_it_is_of_the_same() {
    let hints = View { hints: HintKind::ALL.to_vec(), ..view() };
    let grouped = View { grouping: Some(Grouping::auto()), ..hints.clone() };
    let before = prepared(sample::incident(), &grouped);
    assert!(before.serves(&View { sort: Column::Size, ..grouped.clone() }) && !before.serves(&hints));
    let group = before.snapshot.rows.iter().find_map(GroupId::of);
    let whole = Arc::clone(&before.whole);
    let opened = View { opened: group, ..grouped.clone() };
    let prepare = Prepare { whole, view: opened.clone(), before: Some(Arc::clone(&before)), glyphs: UNICODE };
    let inside = prepare.run(&Wanted::default());
    assert!(Arc::ptr_eq(&inside.hints, &before.hints) && !before.hints.is_empty());
    assert_eq!((inside.keys, inside.snapshot.rows.len(), before.keys), (40, 40, before.whole.keys()));
    let alone = prepared(sample::incident(), &opened);
    assert_eq!((&alone.hints, &alone.snapshot.rows), (&inside.hints, &inside.snapshot.rows));
}

proptest! {
    #[test]
    fn a_part_of_the_order_is_that_of_the_whole(mut items in proptest::collection::vec(0u8..30, 0..80), start in 0usize..90, length in 0usize..90) {
        let ranks = start..start + length;
        let part = order::ordered(&mut items.clone(), ranks.clone(), Ord::cmp);
        items.sort_unstable();
        let end = ranks.end.min(items.len());
        prop_assert_eq!(part, items.get(start.min(end)..end).unwrap_or_default());
    }
}
