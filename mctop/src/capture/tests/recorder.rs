//! What lands in which file, under which name, and when.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{header, small};
use crate::capture::format::EndedBy;
use crate::capture::reader::{Ending, Reader};
use crate::capture::recorder::{Outcome, Plan, Recorder, Step};
use crate::capture::rotation::{Limit, Rotation};
use crate::capture::writer::Settings;
use crate::model::condition::Condition;
use crate::model::counts::Counts;
use crate::model::interval::{Change, Interval, Record};
use crate::model::key::Key;
use crate::source::Source;

fn plan(path: &Path) -> Plan {
    Plan { path: path.to_owned(), settings: Settings::default(), trigger: None, before: 3, until: None, rotation: None }
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
    assert_eq!(recorder.interval(&interval(10, 100)).unwrap(), Step::Fired);
    assert_eq!(recorder.interval(&interval(11, 101)).unwrap(), Step::Recorded);
    assert_eq!(recorder.interval(&interval(12, 1)).unwrap(), Step::Last);
    assert_eq!(recorder.finish(EndedBy::Until).unwrap(), Outcome::Written);
    assert_eq!(content(&path), (7, vec![7, 8, 9, 100, 101, 1], Ending::Finished, Some(EndedBy::Until)));
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
    let plan = Plan { trigger: Some(Condition::parse("rps>50").unwrap()), before: 0, ..plan(&path) };
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
