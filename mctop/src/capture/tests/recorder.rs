//! What lands in which file, under which name, and when.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{header, small};
use crate::capture::destination::Destination;
use crate::capture::format::{EndedBy, Fired};
use crate::capture::reader::{Ending, Reader};
use crate::capture::recorder::{Outcome, Plan, Recorder, Step};
use crate::capture::ring::{Bounds, Kept};
use crate::capture::rotation::{Limit, Rotation};
use crate::capture::writer::Settings;
use crate::model::condition::Condition;
use crate::model::counts::Counts;
use crate::model::fold::Limits;
use crate::model::interval::{Change, Interval, Record};
use crate::model::key::Key;
use crate::source::Source;

fn plan(path: &Path) -> Plan {
    Plan {
        path: path.to_owned(),
        settings: Settings::default(),
        trigger: None,
        before: Bounds { intervals: 3, bytes: usize::MAX },
        until: None,
        rotation: None,
        limits: Limits::default(),
    }
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sale.ndjson");
    (directory, path)
}

/// The interval of a second in which one key is read so often.
fn interval(second: u64, hits: u64) -> Interval {
    let counts = Counts { hits, bytes_out: 10 * hits, ..Counts::default() };
    let key = Record { counts, key: Key::new(b"key"), ..small()[0].records[0].clone() };
    Interval {
        start: Duration::from_secs(second),
        end: Duration::from_secs(second + 1),
        total: counts,
        records: if hits > 0 { vec![key] } else { Vec::new() },
        ..Interval::default()
    }
}

/// Begin of a file in seconds since 1970, reads of each interval, and how it ended.
fn content(path: &Path) -> (i64, Vec<u64>, Ending, Option<EndedBy>) {
    let mut reader = Reader::open(path).unwrap();
    let mut hits = Vec::new();
    while let Some(interval) = reader.next().unwrap() {
        assert_eq!(interval.start, Duration::from_secs(hits.len() as u64), "times are since the begin of the file");
        hits.push(interval.total.hits);
    }
    (reader.header().started_at.as_second(), hits, reader.ending(), reader.ended_by())
}

fn names(directory: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_older_capture_is_there_until_there_is_an_interval_of_the_new_one() {
    let (directory, path) = place();
    fs::write(&path, "older").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let mut recorder = Recorder::new(plan(&path), &header()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"older");
    recorder.interval(&interval(0, 1)).unwrap();
    assert_eq!(content(&path), (0, vec![1], Ending::CutOff, None));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    recorder.interval(&interval(1, 2)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    assert_eq!(content(&path), (0, vec![1, 2], Ending::Finished, Some(EndedBy::Duration)));
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn a_free_name_is_taken_with_the_header() {
    let (directory, path) = place();
    let recorder = Recorder::new(plan(&path), &header()).unwrap();
    assert_eq!(content(&path), (0, vec![], Ending::CutOff, None));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    recorder.finish(EndedBy::Signal).unwrap();
    assert_eq!(content(&path), (0, vec![], Ending::Interrupted, Some(EndedBy::Signal)));
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn a_link_stays_and_the_file_behind_it_is_replaced() {
    let (directory, path) = place();
    fs::write(&path, "older").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("sale.ndjson", &link).unwrap();
    let mut recorder = Recorder::new(plan(&link), &header()).unwrap();
    recorder.interval(&interval(0, 1)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(content(&path).1, [1]);
}

#[test]
fn the_trigger_writes_from_before_it_held_and_the_end_is_the_condition_s() {
    let (_directory, path) = place();
    fs::write(&path, "older").unwrap();
    let mut recorder = Recorder::new(
        Plan {
            trigger: Some(Condition::parse("rps>50").unwrap()),
            until: Some(Condition::parse("rps<5").unwrap()),
            ..plan(&path)
        },
        &header(),
    )
    .unwrap();
    // The end is not looked at before the trigger has held.
    for second in 0..10 {
        assert_eq!(recorder.interval(&interval(second, second)).unwrap(), Step::Waiting);
    }
    assert_eq!(fs::read(&path).unwrap(), b"older");
    let kept = Kept { intervals: 3, span: Duration::from_secs(3), crowded_out: 0 };
    assert_eq!(recorder.interval(&interval(10, 100)).unwrap(), Step::Fired(kept));
    assert_eq!(recorder.interval(&interval(11, 101)).unwrap(), Step::Recorded);
    assert_eq!(recorder.interval(&interval(12, 1)).unwrap(), Step::Last(None));
    assert_eq!(recorder.finish(EndedBy::Until).unwrap(), Outcome::Written);
    assert_eq!(content(&path), (7, vec![7, 8, 9, 100, 101, 1], Ending::Finished, Some(EndedBy::Until)));
    assert_eq!(fired(&path), Some(Fired { before_ms: 3_000, intervals: 3, crowded_out: 0 }));
}

fn fired(path: &Path) -> Option<Fired> {
    Reader::open(path).unwrap().circumstances().fired
}

/// A hundred keys an interval, and room for two and a half of these.
#[test]
fn what_waits_for_the_trigger_takes_no_more_memory_than_allowed() {
    let crowd = |second: u64| {
        let mut crowd = interval(second, 1);
        for n in 0..99 {
            let key = Key::new(format!("crowd:{second}:{n:050}").as_bytes());
            crowd.records.push(Record { key, ..crowd.records[0].clone() });
            crowd.total += &crowd.records[0].counts.clone();
        }
        crowd
    };
    let (_directory, path) = place();
    let before = Bounds { intervals: 10, bytes: 250 * (size_of::<Record>() + 96) };
    let trigger = Some(Condition::parse("rps>50").unwrap());
    let rotation = Some(Rotation { limit: Limit::Age(Duration::from_secs(4)), keep: None });
    let mut recorder = Recorder::new(Plan { trigger, before, rotation, ..plan(&path) }, &header()).unwrap();
    for second in 0..7 {
        assert_eq!(recorder.interval(&crowd(second)).unwrap(), Step::Waiting);
    }
    let kept = Kept { intervals: 2, span: Duration::from_secs(2), crowded_out: 5 };
    assert_eq!(recorder.interval(&interval(7, 100)).unwrap(), Step::Fired(kept));
    let told = Some(Fired { before_ms: 2_000, intervals: 2, crowded_out: 5 });
    assert_eq!(fired(&path), told);
    recorder.interval(&interval(8, 1)).unwrap();
    recorder.interval(&interval(9, 1)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    let first = path.with_file_name("sale-19700101T000005Z.ndjson");
    assert_eq!(content(&first), (5, vec![100, 100, 100, 1], Ending::Finished, Some(EndedBy::Rotation)));
    assert_eq!((fired(&first), fired(&path)), (told, None), "the next file did not begin with the trigger");
}

#[test]
fn a_trigger_that_holds_at_once_has_nothing_before_it() {
    let (_directory, path) = place();
    let holds = || Some(Condition::parse("rps>50").unwrap());
    let mut recorder = Recorder::new(Plan { trigger: holds(), until: holds(), ..plan(&path) }, &header()).unwrap();
    let kept = Kept { intervals: 0, span: Duration::ZERO, crowded_out: 0 };
    assert_eq!(recorder.interval(&interval(0, 100)).unwrap(), Step::Last(Some(kept)));
    recorder.finish(EndedBy::Until).unwrap();
    assert_eq!(content(&path), (0, vec![100], Ending::Finished, Some(EndedBy::Until)));
    assert_eq!(fired(&path), Some(Fired::default()));
}

#[test]
fn a_trigger_that_never_holds_leaves_an_older_capture_alone() {
    let (directory, path) = place();
    let trigger = || Plan { trigger: Some(Condition::parse("rps>50").unwrap()), ..plan(&path) };
    let mut recorder = Recorder::new(trigger(), &header()).unwrap();
    recorder.interval(&interval(0, 1)).unwrap();
    assert_eq!(content(&path), (0, vec![], Ending::CutOff, None));
    assert_eq!(recorder.finish(EndedBy::Signal).unwrap(), Outcome::NeverFired);
    assert_eq!(content(&path), (0, vec![], Ending::Interrupted, Some(EndedBy::Signal)));
    fs::write(&path, "older").unwrap();
    let mut recorder = Recorder::new(trigger(), &header()).unwrap();
    recorder.interval(&interval(0, 1)).unwrap();
    assert_eq!(recorder.finish(EndedBy::Signal).unwrap(), Outcome::NeverFired);
    assert_eq!(fs::read(&path).unwrap(), b"older");
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn a_file_that_begins_later_knows_the_servers_as_they_are_then() {
    let (_directory, path) = place();
    let plan = Plan {
        trigger: Some(Condition::parse("rps>50").unwrap()),
        before: Bounds { intervals: 0, bytes: 0 },
        ..plan(&path)
    };
    let mut recorder = Recorder::new(plan, &header()).unwrap();
    let at = Duration::from_millis(500);
    let restarted = crate::model::snapshot::TargetInfo { pid: 77, ..header().targets[0].clone() };
    let mut first = interval(0, 1);
    first.changes = vec![
        Change::Exited { target: 1, at },
        Change::Exited { target: 0, at },
        Change::Attached { target: 0, at, info: restarted },
        Change::Refused { reason: "Process 9 cannot be watched.".into() },
    ];
    recorder.interval(&first).unwrap();
    recorder.interval(&interval(1, 100)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.header().started_at.as_second(), 1);
    assert_eq!(reader.header().targets.iter().map(|target| target.pid).collect::<Vec<_>>(), [77, 2, 3]);
    let changes = reader.next().unwrap().unwrap().changes;
    let refused = Change::Refused { reason: "Process 9 cannot be watched.".into() };
    assert_eq!(changes, [Change::Exited { target: 1, at: Duration::ZERO }, refused]);
}

#[test]
fn files_follow_each_other_and_the_oldest_go() {
    let (directory, path) = place();
    let rotating =
        |keep| Plan { rotation: Some(Rotation { limit: Limit::Age(Duration::from_secs(2)), keep }), ..plan(&path) };
    // What an earlier run has left is a finished file, too.
    let mut earlier = Recorder::new(plan(&path), &header()).unwrap();
    earlier.interval(&interval(0, 9)).unwrap();
    drop(earlier);
    let mut recorder = Recorder::new(rotating(Some(2)), &header()).unwrap();
    for second in 0..7 {
        recorder.interval(&interval(second, second + 1)).unwrap();
    }
    recorder.finish(EndedBy::Duration).unwrap();
    let finished = ["sale-19700101T000002Z.ndjson", "sale-19700101T000004Z.ndjson"];
    assert_eq!(names(&directory), [finished[0], finished[1], "sale.ndjson"]);
    let part = |name: &str| content(&directory.path().join(name));
    assert_eq!(part(finished[0]), (2, vec![3, 4], Ending::Finished, Some(EndedBy::Rotation)));
    assert_eq!(part(finished[1]), (4, vec![5, 6], Ending::Finished, Some(EndedBy::Rotation)));
    assert_eq!(part("sale.ndjson"), (6, vec![7], Ending::Finished, Some(EndedBy::Duration)));
    assert_eq!(Reader::open(&path).unwrap().circumstances().part, Some(4));
}

#[test]
fn a_size_is_kept_to_within_an_interval() {
    let (directory, path) = place();
    let rotation = Some(Rotation { limit: Limit::Size(4_000), keep: None });
    let mut recorder = Recorder::new(Plan { rotation, ..plan(&path) }, &header()).unwrap();
    for second in 0..100 {
        recorder.interval(&interval(second, second + 1)).unwrap();
    }
    recorder.finish(EndedBy::Duration).unwrap();
    let files = names(&directory);
    assert!(files.len() > 3, "{files:?}");
    let mut hits = Vec::new();
    for name in &files {
        let path = directory.path().join(name);
        assert!(fs::metadata(&path).unwrap().len() < 5_000);
        hits.extend(content(&path).1);
    }
    assert_eq!(hits, (1..=100).collect::<Vec<_>>(), "nothing is lost between files");
}

#[test]
fn where_nothing_can_be_written_is_said() {
    let (directory, _) = place();
    let path = directory.path().join("missing").join("sale.ndjson");
    let error = Recorder::new(plan(&path), &header()).err().unwrap();
    assert!(format!("{error:#}").contains("No such file"), "{error:#}");
    let mut recorder = Recorder::new(plan(Path::new("/dev/full")), &header());
    let error = match &mut recorder {
        Ok(recorder) => recorder.interval(&interval(0, 1)).unwrap_err(),
        Err(error) => std::mem::replace(error, anyhow::anyhow!("taken")),
    };
    assert!(format!("{error:#}").contains("No space left"), "{error:#}");
}

#[test]
fn what_is_no_file_is_not_renamed() {
    let (directory, _) = place();
    let pipe = directory.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let rotation = Some(Rotation { limit: Limit::Size(10_000), keep: None });
    for name in [pipe.as_path(), Path::new("-"), Path::new("/dev/null"), directory.path()] {
        let error = Recorder::new(Plan { rotation, ..plan(name) }, &header()).err().unwrap();
        assert!(format!("{error:#}").contains("--rotate"), "{error:#}");
    }
    assert_eq!(names(&directory), ["pipe"]);
}

#[test]
fn of_two_captures_under_one_name_the_second_is_refused() {
    let (directory, path) = place();
    let rotation = Some(Rotation { limit: Limit::Size(10_000), keep: None });
    let waiting = || Plan { trigger: Some(Condition::parse("rps>50").unwrap()), ..plan(&path) };
    for first in [plan(&path), waiting()] {
        let mut first = Recorder::new(first, &header()).unwrap();
        first.interval(&interval(0, 1)).unwrap();
        for second in [plan(&path), Plan { rotation, ..plan(&path) }, waiting()] {
            let error = Recorder::new(second, &header()).err().unwrap();
            assert!(format!("{error:#}").contains("another process is writing"), "{error:#}");
        }
        first.interval(&interval(1, 60)).unwrap();
        first.finish(EndedBy::Duration).unwrap();
        assert_eq!(content(&path), (0, vec![1, 60], Ending::Finished, Some(EndedBy::Duration)));
        assert_eq!(names(&directory), ["sale.ndjson"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_name_that_was_taken_meanwhile_is_left_alone() {
    let (directory, path) = place();
    let mut first = Destination::create(&path).unwrap();
    let mut second = Destination::create(&path).unwrap();
    first.begin().unwrap();
    assert_eq!(second.begin().unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    drop(second);
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn conditions_see_the_keys_that_there_is_memory_for() {
    let (_directory, path) = place();
    let mut two = interval(0, 100);
    let seldom = Record { key: Key::new(b"seldom"), ..interval(0, 1).records[0].clone() };
    two.total += &seldom.counts;
    two.records.push(seldom);
    let fired = Step::Fired(Kept { intervals: 0, span: Duration::ZERO, crowded_out: 0 });
    for (limits, step) in [(Limits::default(), fired), (Limits { keys: 1, ..Limits::default() }, Step::Waiting)] {
        let trigger = Some(Condition::parse("/^seldom$/").unwrap());
        let mut recorder = Recorder::new(Plan { trigger, limits, ..plan(&path) }, &header()).unwrap();
        assert_eq!(recorder.interval(&two).unwrap(), step);
    }
}
