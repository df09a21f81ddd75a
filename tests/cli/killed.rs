//! Captures whose writer is killed or whose disk is full: every file can be read, lacks at most the interval that was being
//! written, and is reported as truncated.
//!
//! The writer is this test program itself, started again: it records made-up intervals as fast as it can, and names each one that is
//! in the file on standard error. So at any moment it is known which intervals the file must have.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use mctop::internal::{CaptureMeta, KEYS_MAX, Outcomes, Recorder, RecordingPlan, RingLimits, WriterSettings};
use mctop::{Counts, Header, Interval, Key, Limits, Origin, Record, RecordedInterval, Ttl};
use mctop_test_support::captures::header;
use mctop_test_support::program::{run, text};

/// Set for the writer: the file that it writes.
const FILE: &str = "MCTOP_TEST_RECORD_TO";
/// Keys of an interval, most of them others than in the previous one.
const KEYS: u64 = 20;
/// Length of an interval in milliseconds.
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

/// What the writer does until it is killed or fails.
fn write_to(path: OsString) -> ! {
    let mut reported = std::io::stderr();
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
                writeln!(reported, "written {}", number + 1).unwrap();
            }
            failure
        }),
        Err(error) => Some(error),
    };
    writeln!(reported, "failed: {:#}", failure.unwrap()).unwrap();
    std::process::exit(1);
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::a_capture_whose_writer_is_killed_lacks_at_most_one_interval", "--exact", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a writer: how many intervals it reported, why it failed, and its exit status.
fn end(mut writer: Child) -> (u64, Option<String>, ExitStatus) {
    let mut reported = String::new();
    writer.stderr.take().unwrap().read_to_string(&mut reported).unwrap();
    // A line that was not finished when it was killed does not count.
    let whole = reported.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let written = whole.lines().filter_map(|line| line.strip_prefix("written ")).next_back();
    let failed = whole.lines().find_map(|line| line.strip_prefix("failed: "));
    let written = written.map_or(0, |number| number.parse().unwrap());
    (written, failed.map(str::to_owned), writer.wait().unwrap())
}

/// The number of intervals in a truncated file, which must be reported as such.
fn intervals_without_end(path: &Path) -> u64 {
    let said = run(&["report", text(path), "--format", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.paragraph().contains("without a footer"), "{said:?}");
    let document = said.json();
    assert_eq!(document["interrupted"], true);
    let intervals = document["totals"]["calls"].as_u64().unwrap() / KEYS;
    let seconds = document["duration_s"].as_f64().unwrap();
    assert!((seconds * 1_000.0 - (intervals * INTERVAL) as f64).abs() < 1.0, "{intervals} intervals in {seconds} s");
    intervals
}

#[test]
fn a_capture_whose_writer_is_killed_lacks_at_most_one_interval() {
    if let Some(path) = std::env::var_os(FILE) {
        write_to(path);
    }
    let mut state = std::process::id().into();
    let mut random = |below: u64| {
        state = u64::wrapping_add(u64::wrapping_mul(state, 6_364_136_223_846_793_005), 1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for name in ["sale.ndjson", "sale.ndjson.zst"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        for moment in 0..10 {
            // Every other time an earlier capture exists, which the new one replaces.
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
            let (reported, failed, _) = end(writer);
            assert_eq!(failed, None);
            if reported == 0 && before.is_some() && std::fs::read(&path).ok() == before {
                continue;
            }
            let found = intervals_without_end(&path);
            assert!(
                found == reported || found == reported + 1,
                "{name}: {reported} were written, {found} are in the file"
            );
        }
    }
}

/// A mounted file system of a certain size.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(size: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = format!("size={size},mode=755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "mctop-test"]).arg(directory.path());
        assert!(mount.status().unwrap().success());
        Self(directory)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "needs root"]
fn a_capture_on_a_full_disk_has_all_intervals_before() {
    for name in ["sale.ndjson", "sale.ndjson.zst"] {
        for size in ["64k", "300k"] {
            let disk = Disk::new(size);
            let path = disk.0.path().join(name);
            let (reported, failed, status) = end(start(&path));
            assert_eq!(status.code(), Some(1));
            let failed = failed.unwrap();
            assert!(failed.contains("No space left on device"), "{failed}");
            assert!(failed.contains(&format!("the file has {reported} intervals, up to ")), "{reported}: {failed}");
            assert_eq!(intervals_without_end(&path), reported);
            // The part of the failed interval is removed, so that other readers of lines are not confused.
            let content = std::fs::read(&path).unwrap();
            assert!(name.ends_with("zst") || content.ends_with(b"}\n"));
        }
    }
}
