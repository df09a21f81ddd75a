//! Captures whose writer is killed, or whose disk is full: every file opens, loses at most the interval that was being
//! written, and says that its end is missing.
//!
//! The writer is this test program itself, started again: it records intervals made up as fast as it can, and tells each
//! that is in the file on standard error. So what must be in the file is known to the interval, at any moment.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use mctop::internal::{CaptureMeta, KEYS_MAX, Outcomes, Recorder, RecordingPlan, RingLimits, WriterSettings};
use mctop::{Counts, Header, Interval, Key, Limits, Origin, Record, RecordedInterval, Ttl};
use serde_json::Value;

use crate::captures::header;
use crate::program::{mctop, text};

/// The file that the writer writes, where this program is one.
const FILE: &str = "MCTOP_TEST_RECORD_TO";
/// Keys of an interval, most of them different from those of the one before.
const KEYS: u64 = 20;
/// Milliseconds of an interval.
const INTERVAL: u64 = 100;

fn interval(number: u64) -> RecordedInterval {
    let counts = Counts { hits: 1, bytes_out: 100, ..Counts::default() };
    let mut total = Counts::default();
    let records = (0..KEYS).map(|n| {
        total += &counts;
        let key = (number * 3 + n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Record {
            key: Key::new(format!("key:{key:x}").as_bytes()),
            target: 0,
            counts,
            size: Some(100),
            ttl: Ttl::Never,
            outcomes: Outcomes::default(),
        }
    });
    let records = records.collect();
    let time = |number| Duration::from_millis(number * INTERVAL);
    Interval { start: time(number), end: time(number + 1), total, ..Interval::default() }.with(records)
}

/// Not a test: what the writer does until it is killed or fails.
#[test]
fn writer() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let mut told = std::io::stderr();
    let header = Header {
        origin: Origin::Live,
        host: "web-1".into(),
        kernel: "6.1.0".into(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        targets: serde_json::from_value(header()["targets"].clone()).unwrap(),
        redaction: None,
    };
    let path = PathBuf::from(path);
    let compress = path.extension().is_some_and(|extension| extension == "zst");
    let settings = WriterSettings { keys: KEYS_MAX, compress, meta: CaptureMeta::default() };
    let limits = Limits::default();
    let plan = RecordingPlan {
        path,
        settings,
        trigger: None,
        before: RingLimits { intervals: 0, bytes: 0 },
        until: None,
        rotation: None,
        limits,
    };
    let failure = match Recorder::new(plan, &header) {
        Ok(mut recorder) => (0..u64::MAX).find_map(|number| {
            let failure = recorder.record(&interval(number)).err();
            if failure.is_none() {
                writeln!(told, "written {}", number + 1).unwrap();
            }
            failure
        }),
        Err(error) => Some(error),
    };
    writeln!(told, "failed: {:#}", failure.unwrap()).unwrap();
    std::process::exit(1);
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::writer", "--exact", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The end of a writer: intervals that it told, and why it failed.
fn end(mut writer: Child) -> (u64, Option<String>, ExitStatus) {
    let mut told = String::new();
    writer.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    // Lines that were begun when it was killed count for nothing.
    let whole = told.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let written = whole.lines().filter_map(|line| line.strip_prefix("written ")).next_back();
    let failed = whole.lines().find_map(|line| line.strip_prefix("failed: "));
    let written = written.map_or(0, |number| number.parse().unwrap());
    (written, failed.map(str::to_owned), writer.wait().unwrap())
}

/// The number of intervals in a file without an end, which must be complete and say so.
fn intervals_without_end(path: &Path) -> u64 {
    let output = mctop(&["report", text(path), "--format", "json"]).assert().code(0).get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("without a footer") && said.lines().count() == 1, "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["interrupted"], true);
    let intervals = document["totals"]["calls"].as_u64().unwrap() / KEYS;
    let seconds = document["duration_s"].as_f64().unwrap();
    assert!((seconds * 1_000.0 - (intervals * INTERVAL) as f64).abs() < 1.0, "{intervals} intervals in {seconds} s");
    intervals
}

#[test]
fn killed_at_twenty_random_moments() {
    let mut state = std::process::id().into();
    let mut random = |below: u64| {
        state = u64::wrapping_add(u64::wrapping_mul(state, 6_364_136_223_846_793_005), 1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for name in ["sale.ndjson", "sale.ndjson.zst"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        for moment in 0..10 {
            // Every other time there is a capture already, which the new one replaces.
            if moment % 2 == 0 {
                std::fs::remove_file(&path)
                    .or_else(|error| match error.kind() {
                        std::io::ErrorKind::NotFound => Ok(()),
                        _ => Err(error),
                    })
                    .unwrap();
            }
            let before = std::fs::read(&path).ok();
            let mut writer = start(&path);
            while !path.exists() {
                sleep(Duration::from_millis(1));
            }
            sleep(Duration::from_micros(random(60_000)));
            writer.kill().unwrap();
            let (told, failed, _) = end(writer);
            assert_eq!(failed, None);
            if told == 0 && before.is_some() && std::fs::read(&path).ok() == before {
                continue;
            }
            let found = intervals_without_end(&path);
            assert!(found == told || found == told + 1, "{name}: {told} were written, {found} are in the file");
        }
    }
}

/// A file system of a size, mounted for a test.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None`, and said so, where that is not possible; in CI it must be.
    fn new(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=755");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "mctop-test"]).arg(directory.path()).output();
        let failure = match mount {
            Ok(output) if output.status.success() => return Some(Self(directory)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let required = std::env::var_os("CI").is_some();
        assert!(!required, "the test of a full disk must run here, but: {failure}");
        println!("SKIPPED: a full disk was not tested: {failure}");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn on_a_full_disk() {
    for name in ["sale.ndjson", "sale.ndjson.zst"] {
        for size in ["64k", "300k"] {
            let Some(disk) = Disk::new(size) else { return };
            let path = disk.0.path().join(name);
            let (told, failed, status) = end(start(&path));
            assert_eq!(status.code(), Some(1));
            let failed = failed.unwrap();
            assert!(failed.contains("No space left on device"), "{failed}");
            assert!(failed.contains(&format!("the file has {told} intervals, up to ")), "{told}: {failed}");
            assert_eq!(intervals_without_end(&path), told);
            // What was written of the interval that failed is taken back: other readers of lines are not confused.
            let content = std::fs::read(&path).unwrap();
            assert!(name.ends_with("zst") || content.ends_with(b"}\n"));
        }
    }
}
