//! Which intervals are written to which file, under which name, and when.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{header, small};
use crate::capture::destination::Destination;
use crate::capture::format::{EndedBy, TriggerInfo};
use crate::capture::reader::Reader;
use crate::capture::recorder::{RecordStatus, Recorder, RecordingOutcome, RecordingPlan};
use crate::capture::ring::{RingContents, RingLimits};
use crate::capture::rotation::{Rotation, RotationLimit};
use crate::capture::writer::WriterSettings;
use crate::model::capture_meta::Ending;
use crate::model::condition::Condition;
use crate::model::counts::Counts;
use crate::model::fold::Limits;
use crate::model::interval::{Change, Interval, Record, RecordedInterval};
use crate::model::key::Key;
use crate::source::Source;

fn plan(path: &Path) -> RecordingPlan {
    RecordingPlan {
        path: path.to_owned(),
        settings: WriterSettings::default(),
        trigger: None,
        before: RingLimits { intervals: 3, bytes: usize::MAX },
        until: None,
        rotation: None,
        limits: Limits::default(),
    }
}

fn output_path() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sale.ndjson");
    (directory, path)
}

/// The interval of the given second, in which one key has this many hits.
fn interval(second: u64, hits: u64) -> RecordedInterval {
    let counts = Counts { hits, bytes_out: 10 * hits, ..Counts::default() };
    let key = Record { counts, key: Key::new(b"key"), ..small()[0].records[0].clone() };
    let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
    let records = if hits > 0 { vec![key] } else { Vec::new() };
    Interval { start, end, total: counts, ..Interval::default() }.with(records)
}

/// Start of a file in seconds since 1970, hits of each interval, and how the file ended.
fn content(path: &Path) -> (i64, Vec<u64>, Ending, Option<EndedBy>) {
    let mut reader = Reader::open(path).unwrap();
    let mut hits = Vec::new();
    while let Some(RecordedInterval { interval, .. }) = reader.next_recorded().unwrap() {
        assert_eq!(
            interval.start,
            Duration::from_secs(hits.len() as u64),
            "times are relative to the start of the file"
        );
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
fn an_older_capture_is_replaced_only_by_the_first_interval() {
    let (directory, path) = output_path();
    fs::write(&path, "older").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let mut recorder = Recorder::new(plan(&path), &header()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"older");
    recorder.record(&interval(0, 1)).unwrap();
    assert_eq!(content(&path), (0, vec![1], Ending::CutOff, None));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    recorder.record(&interval(1, 2)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    assert_eq!(content(&path), (0, vec![1, 2], Ending::Finished, Some(EndedBy::Duration)));
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn a_free_name_is_used_once_the_header_is_written() {
    let (directory, path) = output_path();
    let recorder = Recorder::new(plan(&path), &header()).unwrap();
    assert_eq!(content(&path), (0, vec![], Ending::CutOff, None));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    recorder.finish(EndedBy::Signal).unwrap();
    assert_eq!(content(&path), (0, vec![], Ending::Interrupted, Some(EndedBy::Signal)));
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn a_symbolic_link_stays_and_its_target_is_replaced() {
    let (directory, path) = output_path();
    fs::write(&path, "older").unwrap();
    let link = directory.path().join("link");
    std::os::unix::fs::symlink("sale.ndjson", &link).unwrap();
    let mut recorder = Recorder::new(plan(&link), &header()).unwrap();
    recorder.record(&interval(0, 1)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(content(&path).1, [1]);
}

#[test]
fn a_capture_with_a_trigger_has_intervals_from_before_and_ends_with_until() {
    let (_directory, path) = output_path();
    fs::write(&path, "older").unwrap();
    let mut recorder = Recorder::new(
        RecordingPlan {
            trigger: Some(Condition::parse("rps>50").unwrap()),
            until: Some(Condition::parse("rps<5").unwrap()),
            ..plan(&path)
        },
        &header(),
    )
    .unwrap();
    // `until` is not evaluated before the trigger has fired.
    for second in 0..10 {
        assert_eq!(recorder.record(&interval(second, second)).unwrap(), RecordStatus::Waiting);
    }
    assert_eq!(fs::read(&path).unwrap(), b"older");
    let kept = RingContents { intervals: 3, span: Duration::from_secs(3), crowded_out: 0 };
    assert_eq!(recorder.record(&interval(10, 100)).unwrap(), RecordStatus::Triggered(kept));
    assert_eq!(recorder.record(&interval(11, 101)).unwrap(), RecordStatus::Recorded);
    assert_eq!(recorder.record(&interval(12, 1)).unwrap(), RecordStatus::Last(None));
    assert_eq!(recorder.finish(EndedBy::Until).unwrap(), RecordingOutcome::Written);
    assert_eq!(content(&path), (7, vec![7, 8, 9, 100, 101, 1], Ending::Finished, Some(EndedBy::Until)));
    assert_eq!(fired(&path), Some(TriggerInfo { before_ms: 3_000, intervals: 3, crowded_out: 0 }));
}

fn fired(path: &Path) -> Option<TriggerInfo> {
    Reader::open(path).unwrap().meta().fired
}

/// Each interval has 100 keys, and there is memory for two and a half intervals.
#[test]
fn intervals_that_wait_for_the_trigger_stay_within_the_memory_limit() {
    let crowd = |second: u64| {
        let mut crowd = interval(second, 1);
        for n in 0..99 {
            let key = Key::new(format!("crowd:{second}:{n:050}").as_bytes());
            crowd.records.push(Record { key, ..crowd.records[0].clone() });
            crowd.interval.total += &crowd.records[0].counts.clone();
        }
        crowd
    };
    let (_directory, path) = output_path();
    let before = RingLimits { intervals: 10, bytes: 250 * (size_of::<Record>() + 96) };
    let trigger = Some(Condition::parse("rps>50").unwrap());
    let rotation = Some(Rotation { limit: RotationLimit::Age(Duration::from_secs(4)), keep: None });
    let mut recorder = Recorder::new(RecordingPlan { trigger, before, rotation, ..plan(&path) }, &header()).unwrap();
    for second in 0..7 {
        assert_eq!(recorder.record(&crowd(second)).unwrap(), RecordStatus::Waiting);
    }
    let kept = RingContents { intervals: 2, span: Duration::from_secs(2), crowded_out: 5 };
    assert_eq!(recorder.record(&interval(7, 100)).unwrap(), RecordStatus::Triggered(kept));
    let expected = Some(TriggerInfo { before_ms: 2_000, intervals: 2, crowded_out: 5 });
    assert_eq!(fired(&path), expected);
    recorder.record(&interval(8, 1)).unwrap();
    recorder.record(&interval(9, 1)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    let first = path.with_file_name("sale-19700101T000005Z.ndjson");
    assert_eq!(content(&first), (5, vec![100, 100, 100, 1], Ending::Finished, Some(EndedBy::Rotation)));
    assert_eq!((fired(&first), fired(&path)), (expected, None), "the next file does not start with the trigger");
}

#[test]
fn a_trigger_that_fires_at_once_has_no_intervals_before_it() {
    let (_directory, path) = output_path();
    let holds = || Some(Condition::parse("rps>50").unwrap());
    let mut recorder =
        Recorder::new(RecordingPlan { trigger: holds(), until: holds(), ..plan(&path) }, &header()).unwrap();
    let kept = RingContents { intervals: 0, span: Duration::ZERO, crowded_out: 0 };
    assert_eq!(recorder.record(&interval(0, 100)).unwrap(), RecordStatus::Last(Some(kept)));
    recorder.finish(EndedBy::Until).unwrap();
    assert_eq!(content(&path), (0, vec![100], Ending::Finished, Some(EndedBy::Until)));
    assert_eq!(fired(&path), Some(TriggerInfo::default()));
}

#[test]
fn a_trigger_that_never_fires_leaves_an_older_capture_alone() {
    let (directory, path) = output_path();
    let trigger = || RecordingPlan { trigger: Some(Condition::parse("rps>50").unwrap()), ..plan(&path) };
    let mut recorder = Recorder::new(trigger(), &header()).unwrap();
    recorder.record(&interval(0, 1)).unwrap();
    assert_eq!(content(&path), (0, vec![], Ending::CutOff, None));
    assert_eq!(recorder.finish(EndedBy::Signal).unwrap(), RecordingOutcome::NeverTriggered);
    assert_eq!(content(&path), (0, vec![], Ending::Interrupted, Some(EndedBy::Signal)));
    fs::write(&path, "older").unwrap();
    let mut recorder = Recorder::new(trigger(), &header()).unwrap();
    recorder.record(&interval(0, 1)).unwrap();
    assert_eq!(recorder.finish(EndedBy::Signal).unwrap(), RecordingOutcome::NeverTriggered);
    assert_eq!(fs::read(&path).unwrap(), b"older");
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn a_file_that_starts_later_lists_the_servers_of_that_time() {
    let (_directory, path) = output_path();
    let plan = RecordingPlan {
        trigger: Some(Condition::parse("rps>50").unwrap()),
        before: RingLimits { intervals: 0, bytes: 0 },
        ..plan(&path)
    };
    let mut recorder = Recorder::new(plan, &header()).unwrap();
    let at = Duration::from_millis(500);
    let restarted = crate::model::snapshot::TargetInfo { pid: 77, ..header().targets[0].clone() };
    let mut first = interval(0, 1);
    first.interval.changes = vec![
        Change::Exited { target: 1, at },
        Change::Exited { target: 0, at },
        Change::Attached { target: 0, at, info: restarted },
        Change::Refused { reason: "Process 9 cannot be watched.".into() },
    ];
    recorder.record(&first).unwrap();
    recorder.record(&interval(1, 100)).unwrap();
    recorder.finish(EndedBy::Duration).unwrap();
    let mut reader = Reader::open(&path).unwrap();
    assert_eq!(reader.header().started_at.as_second(), 1);
    assert_eq!(reader.header().targets.iter().map(|target| target.pid).collect::<Vec<_>>(), [77, 2, 3]);
    let changes = reader.next_recorded().unwrap().unwrap().interval.changes;
    let refused = Change::Refused { reason: "Process 9 cannot be watched.".into() };
    assert_eq!(changes, [Change::Exited { target: 1, at: Duration::ZERO }, refused]);
}

#[test]
fn files_are_rotated_and_the_oldest_are_removed() {
    let (directory, path) = output_path();
    let rotating = |keep| RecordingPlan {
        rotation: Some(Rotation { limit: RotationLimit::Age(Duration::from_secs(2)), keep }),
        ..plan(&path)
    };
    // A file left by an earlier run counts as finished.
    let mut earlier = Recorder::new(plan(&path), &header()).unwrap();
    earlier.record(&interval(0, 9)).unwrap();
    drop(earlier);
    let mut recorder = Recorder::new(rotating(Some(2)), &header()).unwrap();
    for second in 0..7 {
        recorder.record(&interval(second, second + 1)).unwrap();
    }
    recorder.finish(EndedBy::Duration).unwrap();
    let finished = ["sale-19700101T000002Z.ndjson", "sale-19700101T000004Z.ndjson"];
    assert_eq!(names(&directory), [finished[0], finished[1], "sale.ndjson"]);
    let part = |name: &str| content(&directory.path().join(name));
    assert_eq!(part(finished[0]), (2, vec![3, 4], Ending::Finished, Some(EndedBy::Rotation)));
    assert_eq!(part(finished[1]), (4, vec![5, 6], Ending::Finished, Some(EndedBy::Rotation)));
    assert_eq!(part("sale.ndjson"), (6, vec![7], Ending::Finished, Some(EndedBy::Duration)));
    assert_eq!(Reader::open(&path).unwrap().meta().part, Some(4));
}

#[test]
fn a_file_exceeds_the_size_limit_by_at_most_one_interval() {
    let (directory, path) = output_path();
    let rotation = Some(Rotation { limit: RotationLimit::Size(4_000), keep: None });
    let mut recorder = Recorder::new(RecordingPlan { rotation, ..plan(&path) }, &header()).unwrap();
    for second in 0..100 {
        recorder.record(&interval(second, second + 1)).unwrap();
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
    assert_eq!(hits, (1..=100).collect::<Vec<_>>(), "no interval is lost between files");
}

#[test]
fn write_errors_are_reported() {
    let (directory, _) = output_path();
    let path = directory.path().join("missing").join("sale.ndjson");
    let error = Recorder::new(plan(&path), &header()).err().unwrap();
    assert!(format!("{error:#}").contains("No such file"), "{error:#}");
    let mut recorder = Recorder::new(plan(Path::new("/dev/full")), &header());
    let error = match &mut recorder {
        Ok(recorder) => recorder.record(&interval(0, 1)).unwrap_err(),
        Err(error) => std::mem::replace(error, anyhow::anyhow!("taken")),
    };
    assert!(format!("{error:#}").contains("No space left"), "{error:#}");
}

#[test]
fn only_regular_files_are_renamed() {
    let (directory, _) = output_path();
    let pipe = directory.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    let rotation = Some(Rotation { limit: RotationLimit::Size(10_000), keep: None });
    for name in [pipe.as_path(), Path::new("-"), Path::new("/dev/null"), directory.path()] {
        let error = Recorder::new(RecordingPlan { rotation, ..plan(name) }, &header()).err().unwrap();
        assert!(format!("{error:#}").contains("--rotate"), "{error:#}");
    }
    assert_eq!(names(&directory), ["pipe"]);
}

#[test]
fn a_second_capture_to_the_same_name_is_refused() {
    let (directory, path) = output_path();
    let rotation = Some(Rotation { limit: RotationLimit::Size(10_000), keep: None });
    let waiting = || RecordingPlan { trigger: Some(Condition::parse("rps>50").unwrap()), ..plan(&path) };
    for first in [plan(&path), waiting()] {
        let mut first = Recorder::new(first, &header()).unwrap();
        first.record(&interval(0, 1)).unwrap();
        for second in [plan(&path), RecordingPlan { rotation, ..plan(&path) }, waiting()] {
            let error = Recorder::new(second, &header()).err().unwrap();
            assert!(format!("{error:#}").contains("another process is writing"), "{error:#}");
        }
        first.record(&interval(1, 60)).unwrap();
        first.finish(EndedBy::Duration).unwrap();
        assert_eq!(content(&path), (0, vec![1, 60], Ending::Finished, Some(EndedBy::Duration)));
        assert_eq!(names(&directory), ["sale.ndjson"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_file_created_meanwhile_is_not_replaced() {
    let (directory, path) = output_path();
    let mut first = Destination::create(&path).unwrap();
    let mut second = Destination::create(&path).unwrap();
    first.commit_header().unwrap();
    assert_eq!(second.commit_header().unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    drop(second);
    assert_eq!(names(&directory), ["sale.ndjson"]);
}

#[test]
fn conditions_see_only_the_keys_that_fit_into_memory() {
    let (_directory, path) = output_path();
    let mut two = interval(0, 100);
    let rare = Record { key: Key::new(b"rare"), ..interval(0, 1).records[0].clone() };
    two.interval.total += &rare.counts;
    two.records.push(rare);
    let fired = RecordStatus::Triggered(RingContents { intervals: 0, span: Duration::ZERO, crowded_out: 0 });
    for (limits, step) in [(Limits::default(), fired), (Limits { keys: 1, ..Limits::default() }, RecordStatus::Waiting)]
    {
        let trigger = Some(Condition::parse("/^rare$/").unwrap());
        let mut recorder = Recorder::new(RecordingPlan { trigger, limits, ..plan(&path) }, &header()).unwrap();
        assert_eq!(recorder.record(&two).unwrap(), step);
    }
}
