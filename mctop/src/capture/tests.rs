//! Captures are read as they were written, and damage is detected.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::format::EndedBy;
use super::reader::Reader;
use super::writer::{Writer, WriterSettings};
use super::{KEYS_MAX, LINE_MAX};
use crate::model::capture_meta::Ending;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::header::Header;
use crate::model::interval::{Change, Interval, Record, RecordedInterval};
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Loss, Origin, TargetInfo, Ttl};
use crate::source::Source;

const TARGETS: u32 = 3;

pub fn header() -> Header {
    let target = |pid| TargetInfo {
        pid,
        binary: "/usr/bin/memcached".into(),
        version: Some("1.6.18".into()),
        build_id: None,
        container: Some("docker 0123456789abcdef".into()),
        unit: None,
        listen: vec!["unix:/run/\u{1b}[2J".into()],
        probes: Vec::new(),
        notes: vec!["a note".into()],
    };
    Header {
        origin: Origin::Recorded { file: "capture".into() },
        host: "web-1".into(),
        kernel: "6.1.0".into(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        targets: (1..=TARGETS).map(target).collect(),
        redaction: Some("Every key is replaced.".into()),
    }
}

fn written(intervals: &[RecordedInterval], interrupted: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header(), &WriterSettings::default()).unwrap();
    for interval in intervals {
        writer.write_interval(interval).unwrap();
    }
    writer.finish(if interrupted { EndedBy::Signal } else { EndedBy::Duration }).unwrap();
    file
}

/// All intervals that can be read, and the ending or the error message.
fn read(file: &[u8]) -> (Vec<RecordedInterval>, Result<Ending, String>) {
    read_all(Reader::new(file, "capture".into()))
}

/// Like [`read`], for a reader that may have failed to open.
fn read_all<R: BufRead>(reader: anyhow::Result<Reader<R>>) -> (Vec<RecordedInterval>, Result<Ending, String>) {
    let mut intervals = Vec::new();
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(error) => return (intervals, Err(format!("{error:#}"))),
    };
    loop {
        match reader.next_recorded() {
            Ok(Some(interval)) => intervals.push(interval),
            Ok(None) => return (intervals, Ok(reader.ending())),
            Err(error) => return (intervals, Err(format!("{error:#}"))),
        }
    }
}

/// Invariants of every interval that a reader returns.
fn is_sound(recorded: &RecordedInterval) -> bool {
    recorded.unexplained() == (0, 0)
        && recorded.interval.start <= recorded.interval.end
        && recorded
            .records
            .iter()
            .all(|record| (1..=250).contains(&record.key.bytes().len()) && record.target < TARGETS)
}

fn counts() -> impl Strategy<Value = Counts> {
    proptest::array::uniform(prop_oneof![Just(0), 0..100u64, 0..1u64 << 40]).prop_map(Counts::from_values)
}

fn record() -> impl Strategy<Value = Record> {
    let key = prop_oneof![vec(any::<u8>(), 1..=250), "\\PC{1,60}".prop_map(String::into_bytes)];
    let ttl = prop_oneof![Just(Ttl::Unknown), Just(Ttl::Never), any::<u32>().prop_map(Ttl::Seconds)];
    (key, 0..TARGETS, counts(), any::<Option<u32>>(), ttl).prop_map(|(key, target, counts, size, ttl)| Record {
        key: Key::new(&key),
        target,
        counts,
        size,
        ttl,
        outcomes: Outcomes::default(),
    })
}

fn cost() -> impl Strategy<Value = Cost> {
    let time = || (0..1u64 << 50).prop_map(Duration::from_nanos);
    (0..1u64 << 50, time(), time()).prop_map(|(hits, probes, servers)| Cost { hits, probes, servers })
}

prop_compose! {
    /// Consecutive intervals of arbitrary length whose counts add up.
    fn intervals()(
        parts in vec((vec(record(), 0..6), counts(), 0..5_000_000_000_000u64, 0..100u64, option::of(cost())), 0..5),
    ) -> Vec<RecordedInterval> {
        let mut end = Duration::ZERO;
        parts.into_iter().map(|(records, untracked, nanoseconds, faults, cost)| {
            let start = end;
            end += Duration::from_nanos(nanoseconds);
            let mut total = untracked;
            for record in &records {
                total += &record.counts;
            }
            let loss = Loss {
                untracked_calls: untracked.calls(),
                untracked_bytes: untracked.bytes(),
                read_faults: faults,
                full_intervals: 1,
                ..Loss::default()
            };
            Interval { start, end, total, loss, cost, ..Interval::default() }.with(records)
        }).collect()
    }
}

pub fn small() -> Vec<RecordedInterval> {
    let counts = Counts { hits: 2, bytes_out: 20, ..Counts::default() };
    let record = Record {
        key: Key::new(b"\xff key"),
        target: 1,
        counts,
        size: Some(10),
        ttl: Ttl::Never,
        outcomes: Outcomes::default(),
    };
    let interval = |second| {
        let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        Interval { start, end, total: counts, ..Interval::default() }.with(vec![record.clone()])
    };
    vec![interval(0), interval(1), interval(5)]
}

#[test]
fn server_changes_are_read_as_written() {
    let mut intervals = small();
    let at = Duration::from_millis(1_250);
    let info = header().targets[0].clone();
    intervals[1].interval.changes = vec![
        Change::Exited { target: 0, at },
        Change::Attached { target: 0, at, info: info.clone() },
        Change::Attached { target: TARGETS, at, info },
        Change::Refused { reason: "Process 7 has started and is not watched: \u{1b}[31m".into() },
    ];
    // Records may refer to a new server from the next interval on.
    intervals[2].records[0].target = TARGETS;
    let (read, end) = read(&written(&intervals, false));
    assert_eq!((read, end), (intervals, Ok(Ending::Finished)));
}

/// Captures of older versions have no cost, and neither do intervals in which it could not be measured.
#[test]
fn the_cost_of_probes_is_written_only_where_it_was_measured() {
    let mut intervals = small();
    let cost = Cost { hits: 7, probes: Duration::from_nanos(4_900), servers: Duration::from_millis(12) };
    intervals[0].interval.cost = Some(cost);
    intervals[2].interval.cost = Some(cost);
    let file = String::from_utf8(written(&intervals, false)).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    assert!(lines[1].contains(r#""cost":{"hits":7,"probes_ns":4900,"servers_ns":12000000}"#), "{file}");
    assert!(!lines[2].contains("cost"), "{file}");
    assert!(lines[4].contains(r#""cost":{"hits":14,"probes_ns":9800,"servers_ns":24000000}"#), "{file}");
    assert_eq!(read(file.as_bytes()), (intervals, Ok(Ending::Finished)));
    let wrong = file.replace(r#"{"hits":14,"#, r#"{"hits":15,"#);
    assert!(read(wrong.as_bytes()).1.is_err_and(|said| said.contains("not the sums")));
    assert!(!written(&small(), false).windows(6).any(|bytes| bytes == b"\"cost\""));
}

#[test]
fn changes_of_unknown_servers_are_refused() {
    for change in [
        Change::Exited { target: TARGETS, at: Duration::ZERO },
        Change::Attached { target: TARGETS + 1, at: Duration::ZERO, info: header().targets[0].clone() },
    ] {
        let mut intervals = small();
        intervals[0].interval.changes = vec![change];
        let (read, end) = read(&written(&intervals, false));
        assert!(read.is_empty() && end.as_ref().is_err_and(|error| error.contains("names target")), "{end:?}");
    }
}

proptest! {
    // A few hundred intervals are enough to cover every kind of line and count.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_was_written_is_read(intervals in intervals(), interrupted: bool) {
        let file = written(&intervals, interrupted);
        prop_assert!(file.iter().all(|byte| *byte == b'\n' || *byte >= b' '), "lines are lines");
        let mut reader = Reader::new(&*file, "capture".into()).unwrap();
        prop_assert_eq!(reader.header(), &header());
        prop_assert_eq!(reader.ending(), Ending::Open);
        for interval in &intervals {
            let read = reader.next_recorded().unwrap();
            prop_assert_eq!(read.as_ref(), Some(interval));
        }
        prop_assert_eq!(reader.next_recorded().unwrap(), None);
        prop_assert_eq!(reader.ending(), if interrupted { Ending::Interrupted } else { Ending::Finished });
        prop_assert_eq!(reader.next_recorded().unwrap(), None);
    }

    #[test]
    fn damaged_bytes_never_give_wrong_sums(
        intervals in intervals(),
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut file = written(&intervals, false);
        for (position, byte) in changes {
            let position = position.index(file.len());
            file[position] = byte;
        }
        let (read, _) = read(&file);
        prop_assert!(read.len() <= intervals.len() + 1);
        prop_assert!(read.iter().all(is_sound));
    }

    /// A damaged disk or a careless edit can remove or repeat a range of bytes.
    #[test]
    fn missing_or_repeated_bytes_are_detected(
        intervals in intervals(),
        ends in (any::<Index>(), any::<Index>()),
        repeat: bool,
    ) {
        let mut file = written(&intervals, false);
        let (a, b) = (ends.0.index(file.len()), ends.1.index(file.len()));
        let range = a.min(b)..a.max(b) + 1;
        if repeat {
            let again = file[range.clone()].to_vec();
            file.splice(range.start..range.start, again);
        } else {
            file.drain(range);
        }
        let (read, end) = read(&file);
        prop_assert!(read.iter().all(is_sound));
        // If the change has no effect, as with a repeated space, all intervals must be there.
        if end == Ok(Ending::Finished) {
            prop_assert_eq!(read.len(), intervals.len());
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in vec(any::<u8>(), 0..2_000), behind_header: bool) {
        let mut file = if behind_header { written(&[], false) } else { Vec::new() };
        let header = file.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        file.truncate(header);
        file.extend_from_slice(&bytes);
        let (read, end) = read(&file);
        prop_assert!(read.is_empty());
        prop_assert!(!matches!(end, Ok(Ending::Finished | Ending::Interrupted | Ending::Open)));
    }
}

#[test]
fn a_capture_cut_off_anywhere_gives_its_complete_intervals() {
    let intervals = small();
    let file = written(&intervals, false);
    let ends: Vec<usize> = (0..file.len()).filter(|position| file[*position] == b'\n').collect();
    for cut in 0..file.len() - 1 {
        let (read, end) = read(&file[..cut]);
        // A line is complete even without its newline.
        let complete = ends.iter().filter(|end| **end <= cut).count();
        if complete == 0 {
            let said = end.unwrap_err();
            assert!(said.contains(if cut == 0 { "it is empty" } else { "its first line" }), "{cut}: {said}");
            continue;
        }
        assert_eq!(end, Ok(Ending::CutOff), "{cut}");
        assert_eq!(read, intervals[..complete - 1], "{cut}");
    }
    assert_eq!(read(&file[..file.len() - 1]), (intervals, Ok(Ending::Finished)));
}

#[test]
fn no_single_damaged_byte_gives_wrong_sums() {
    let intervals = small();
    let file = written(&intervals, false);
    for position in 0..file.len() {
        // Gives another digit or letter, another kind of character, and a non-ASCII byte.
        for mask in [0x01, 0x10, 0x80] {
            let mut damaged = file.clone();
            damaged[position] ^= mask;
            let (read, _) = read(&damaged);
            assert!(read.len() <= intervals.len() && read.iter().all(is_sound), "byte {position} ^ {mask:#x}");
        }
    }
}

#[test]
fn deeply_nested_lines_give_an_error() {
    for opening in ["[", "{\"type\":", "{\"type\":\"interval\",\"keys\":[", "{\"type\":\"interval\",\"x\":["] {
        let mut file = written(&[], false);
        let header = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        file.truncate(header);
        file.extend(opening.repeat(50_000).bytes());
        file.push(b'\n');
        let said = read(&file).1.unwrap_err();
        assert!(said.contains("line 2 of capture"), "{said}");
    }
}

#[test]
fn a_writer_refuses_what_readers_would_reject() {
    let mut broken = small();
    broken[1].interval.total.hits += 1;
    let mut writer = Writer::new(Vec::new(), &header(), &WriterSettings::default()).unwrap();
    writer.write_interval(&broken[0]).unwrap();
    assert!(writer.write_interval(&broken[1]).unwrap_err().to_string().contains("1 calls"));
    writer.write_interval(&small()[2]).unwrap();
    assert!(writer.write_interval(&small()[0]).unwrap_err().to_string().contains("before the previous"));
}

/// A disk that is full after this many bytes.
struct FullDisk(usize);

impl Write for FullDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes.len().min(self.0) {
            0 => Err(io::ErrorKind::StorageFull.into()),
            length => {
                self.0 -= length;
                Ok(length)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_at_once() {
    let RecordedInterval { interval, records } = small().remove(0);
    let size = |intervals: &[RecordedInterval]| written(intervals, false).len();
    assert_eq!(
        Writer::new(FullDisk(10), &header(), &WriterSettings::default()).err().map(|error| error.kind()),
        Some(io::ErrorKind::StorageFull)
    );
    let mut writer = Writer::new(FullDisk(size(&[])), &header(), &WriterSettings::default()).unwrap();
    let at = |second| {
        let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        Interval { start, end, ..interval.clone() }.with(records.clone())
    };
    let refused = (0..10).find_map(|second| writer.write_interval(&at(second)).err());
    assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
}

mod bounds;
mod compressed;
mod document;
mod documentation;
mod interval_sums;
mod recorder;
mod sums;
