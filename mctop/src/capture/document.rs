//! Snapshots as documents (`mctop.snapshot/1`, `mctop.snapshot-lines/1`), read as captures of one interval: what `mctop dump` prints
//! and the live table's `w` writes.
//!
//! Such a document has sums over its whole time. What it does not have is said, in notes and as the others of the interval, and
//! nothing is made up.

use std::borrow::Cow;
use std::io::BufRead;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::change::{KnownServers, length};
use super::entry;
use super::format::{quoted, time};
use super::input::{LineRead, read_line};
use super::interval_sums;
use super::{CHANGES_MAX, KEYS_MAX, LINE_MAX};
use crate::model::capture_meta::Ending;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::header::Header;
use crate::model::interval::{Change, Interval, Others, Record};
use crate::model::outcomes::Outcomes;
use crate::model::schema;
use crate::model::snapshot::{Loss, Origin, TargetInfo};

/// What mctop's other documents are, and which command prints them.
const OTHERS: [(&str, &str); 2] =
    [("mctop.doctor/1", "mctop doctor --json"), ("mctop.diff/1", "mctop diff --format json")];

/// Said of what no capture has either, and would take too much memory.
const TOO_MUCH: &str = "it has more keys, or servers that came and went, than any capture";

/// A document that was read.
pub(super) struct Document {
    /// What is known beforehand.
    pub header: Header,
    /// Version of the mctop that wrote it.
    pub written_by: String,
    /// All that it tells.
    pub interval: Interval,
    /// How it ended.
    pub ending: Ending,
}

/// Reads the document that a line is the first of; none where it is of something else, such as a capture.
///
/// # Errors
/// Why it cannot be read, in one sentence: an error of the file, or what is wrong with the document.
pub(super) fn read(first: &[u8], input: &mut impl BufRead, file: &str) -> Option<Result<Document, Unreadable>> {
    // A document of several lines has its members in the others; one in a single line, and lines, have the schema in the first.
    let several = first.trim_ascii_end() == b"{" && first.ends_with(b"\n");
    let mut text = Cow::Borrowed(first);
    if several && let Err(error) = rest(input, text.to_mut()) {
        return Some(Err(error));
    }
    let named = serde_json::from_slice::<Schema>(&text).ok();
    let Some(schema) = named.map_or_else(|| begin_of_schema(&text), |named| named.schema) else {
        return several.then(|| Err(Unreadable::Other("it is a JSON document, and not one of mctop's".to_owned())));
    };
    match schema.as_str() {
        schema::SNAPSHOT => Some(of_document(&text, file)),
        schema::SNAPSHOT_LINES => Some(of_lines(first, input, file)),
        other => match OTHERS.into_iter().find(|(schema, _)| *schema == other) {
            Some((_, command)) => Some(Err(Unreadable::Other(format!("it is what `{command}` prints ({other})")))),
            // A capture's first line is a capture's to explain.
            None => several.then(|| {
                let other = quoted(&format!("{other:?}"));
                Err(Unreadable::Other(format!("its schema is {other}, which this mctop does not know")))
            }),
        },
    }
}

/// Why a document cannot be read.
pub(super) enum Unreadable {
    /// The file cannot.
    Io(std::io::Error),
    /// It is a document of another kind, or one that has no keys.
    Other(String),
    /// It is not as mctop writes it.
    Damaged(String),
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    schema: Option<String>,
}

/// The schema of a document whose end is missing or that is damaged: mctop writes it as the first member, or behind the type of a
/// line.
fn begin_of_schema(text: &[u8]) -> Option<String> {
    let begin: String = String::from_utf8_lossy(text.get(..text.len().min(200))?).split_whitespace().collect();
    let begin = begin.strip_prefix("{\"type\":\"snapshot\",").or_else(|| begin.strip_prefix('{'))?;
    let (schema, _) = begin.strip_prefix("\"schema\":\"")?.split_once('"')?;
    Some(schema.to_owned())
}

/// Reads everything that is left, as much of it as of a line of a capture.
fn rest(input: &mut impl BufRead, text: &mut Vec<u8>) -> Result<(), Unreadable> {
    let mut line = Vec::new();
    loop {
        match read_line(input, &mut line).map_err(Unreadable::Io)? {
            LineRead::End => return Ok(()),
            LineRead::Complete | LineRead::Unterminated if text.len() + line.len() <= LINE_MAX => {
                text.extend_from_slice(&line)
            }
            LineRead::Complete | LineRead::Unterminated | LineRead::TooLong => {
                let most = LINE_MAX >> 20;
                return Err(Unreadable::Other(format!(
                    "it is a document of more than {most} MiB; `mctop dump` with --limit or --format ndjson makes one that is read"
                )));
            }
        }
    }
}

/// What a document says of all keys together; the first line of several likewise.
#[derive(Deserialize)]
struct Head {
    mctop: String,
    host: String,
    kernel: String,
    started_at: Timestamp,
    duration_s: f64,
    interrupted: bool,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    grouping: Option<Grouping>,
    #[serde(default)]
    redaction: Option<String>,
    keys_tracked: u64,
    keys_shown: u64,
    targets: Vec<TargetInfo>,
    gaps: Vec<GapMembers>,
    notes: Vec<String>,
    totals: Counts,
    loss: Loss,
    #[serde(default)]
    outcomes: Outcomes,
    #[serde(default)]
    estimate: Option<EstimateMembers>,
    #[serde(default)]
    cost: Option<CostMembers>,
    #[serde(default)]
    keys: Vec<KeyMembers>,
}

#[derive(Deserialize)]
struct Grouping {
    by: String,
    /// The group whose keys the rows are.
    #[serde(default)]
    opened: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct GapMembers {
    target: u32,
    exited_pid: Option<u32>,
    from_s: f64,
    to_s: Option<f64>,
    /// None in documents of before.
    #[serde(default)]
    new_pid: Option<u32>,
}

#[derive(Deserialize)]
struct EstimateMembers {
    watched_s: f64,
    extrapolated_s: f64,
}

#[derive(Deserialize)]
struct CostMembers {
    hits: u64,
    ns_per_hit: Option<f64>,
    share_of_server_cpu: Option<f64>,
}

#[derive(Deserialize)]
struct KeyMembers {
    key: String,
    #[serde(default)]
    key_b64: Option<String>,
    target: u32,
    #[serde(default)]
    size: Option<u32>,
    /// Seconds, −1 for never.
    #[serde(default)]
    ttl: Option<i64>,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    outcomes: Outcomes,
}

impl KeyMembers {
    fn record(self) -> Result<Record, String> {
        let Self { key, key_b64, target, size, ttl, counts, outcomes } = self;
        // Where there is one, the text is escaped.
        let bytes = key_b64.map(|text| STANDARD.decode(text)).transpose();
        let bytes = bytes.map_err(|error| format!("a key_b64 is not base64: {error}"))?;
        let key = entry::checked_key(bytes.as_deref().unwrap_or(key.as_bytes()))?;
        Ok(Record { key, target, counts, size, ttl: entry::ttl(ttl)?, outcomes })
    }
}

fn of_document(text: &[u8], file: &str) -> Result<Document, Unreadable> {
    let mut head: Head =
        serde_json::from_slice(text).map_err(|error| Unreadable::Damaged(quoted(&error.to_string())))?;
    refuse_groups(&head)?;
    let records = std::mem::take(&mut head.keys).into_iter().map(KeyMembers::record).collect::<Result<_, _>>();
    document(head, records.map_err(Unreadable::Damaged)?, false, file)
}

/// Groups are no keys, and cannot be taken apart.
fn refuse_groups(head: &Head) -> Result<(), Unreadable> {
    if let Some(grouping) = head.grouping.as_ref().filter(|grouping| grouping.opened.is_none()) {
        return Err(Unreadable::Other(format!(
            "it is a snapshot whose rows are groups of keys (grouped by {}), and the keys are not in it; one that is not grouped \
             is read",
            quoted(&format!("{:?}", grouping.by))
        )));
    }
    Ok(())
}

/// Reads the lines behind the first. Those that are missing at the end were cut off.
fn of_lines(first: &[u8], input: &mut impl BufRead, file: &str) -> Result<Document, Unreadable> {
    let head: Head = serde_json::from_slice(first).map_err(|error| Unreadable::Damaged(quoted(&error.to_string())))?;
    refuse_groups(&head)?;
    let (mut records, mut line, mut number) = (Vec::new(), Vec::new(), 1_u64);
    loop {
        number += 1;
        let found = read_line(input, &mut line).map_err(Unreadable::Io)?;
        let damaged = |why: String| Unreadable::Damaged(format!("line {number}: {why}"));
        match found {
            LineRead::End => break,
            LineRead::TooLong => return Err(damaged("it is too long".to_owned())),
            _ if records.len() == KEYS_MAX => return Err(damaged(TOO_MUCH.to_owned())),
            LineRead::Complete | LineRead::Unterminated => {}
        }
        if begin_of_schema(&line).is_some() {
            let why =
                format!("another snapshot begins in line {number}, and one at a time is read; split the file there");
            return Err(Unreadable::Other(why));
        }
        match serde_json::from_slice::<KeyMembers>(&line) {
            Ok(key) => records.push(key.record().map_err(damaged)?),
            // A write that did not finish.
            Err(_) if found == LineRead::Unterminated => break,
            Err(error) => return Err(damaged(quoted(&error.to_string()))),
        }
    }
    let cut_off = (records.len() as u64) < head.keys_shown;
    document(head, records, cut_off, file)
}

fn document(head: Head, records: Vec<Record>, cut_off: bool, file: &str) -> Result<Document, Unreadable> {
    let ending = match (cut_off, head.interrupted) {
        (true, _) => Ending::CutOff,
        (false, true) => Ending::Interrupted,
        (false, false) => Ending::Finished,
    };
    let interval = interval(&head, records).map_err(Unreadable::Damaged)?;
    let Head { mctop: written_by, host, kernel, started_at, mut targets, redaction, gaps, .. } = head;
    // Servers are those of the end; the changes lead there from those of the begin.
    for gap in gaps.iter().rev() {
        if let (Some(target), Some(pid)) = (targets.get_mut(gap.target as usize), gap.exited_pid) {
            target.pid = pid;
        }
    }
    let origin = Origin::Recorded { file: file.to_owned() };
    let header = Header { origin, host, kernel, started_at, targets, redaction };
    Ok(Document { header, written_by, interval, ending })
}

/// Everything in one interval.
fn interval(head: &Head, records: Vec<Record>) -> Result<Interval, String> {
    if records.len() > KEYS_MAX || head.gaps.len() > CHANGES_MAX {
        return Err(TOO_MUCH.to_owned());
    }
    KnownServers::from_header(&head.targets)?;
    let targets = head.targets.len();
    if let Some(record) = records.iter().find(|record| record.target as usize >= targets) {
        return Err(format!("a key names target {}, {targets} are known", record.target));
    }
    let end = time(head.duration_s)?;
    let others = others(head, &records)?;
    let mut changes = vec![note(sums_only(head))];
    changes.extend(head.notes.iter().cloned().map(note));
    changes.extend(servers(head)?);
    Ok(Interval {
        start: Duration::ZERO,
        end,
        total: head.totals,
        loss: head.loss,
        records,
        others,
        changes,
        outcomes: head.outcomes,
        extrapolated: false,
        cost: head.cost.as_ref().and_then(cost),
    })
}

fn note(note: String) -> Change {
    Change::Budget { note }
}

/// What a document does not tell.
fn sums_only(head: &Head) -> String {
    let mut text = "Read from a snapshot, which has sums over its whole time, and not how it went.".to_owned();
    if let Some(filter) = &head.filter {
        text += &format!(" It has only the keys that match {filter}.");
    }
    if let Some(EstimateMembers { watched_s, extrapolated_s }) = &head.estimate {
        text += &format!(
            " Its counts are ESTIMATED: {watched_s:.1} s were watched, and {extrapolated_s:.1} s extrapolated."
        );
    }
    text
}

/// What is in the totals and neither under a key of the document nor untracked.
fn others(head: &Head, records: &[Record]) -> Result<Others, String> {
    let of_keys = records.iter().try_fold(Counts::default(), |sum, record| interval_sums::sum(&sum, &record.counts));
    // Where a key has more than all, the sums do not hold, which IntervalSums finds.
    let rest = head.totals.saturating_sub(&of_keys.ok_or("its counts add up to more than any server can do")?);
    let Loss { untracked_calls, untracked_bytes, .. } = head.loss;
    let keys = head.keys_tracked.saturating_sub(records.len() as u64);
    if (untracked_calls, untracked_bytes) == (0, 0) {
        return Ok(Others { keys, counts: rest });
    }
    // Which of them were untracked is told for calls and bytes alone.
    let (calls, bytes) = (rest.calls().saturating_sub(untracked_calls), rest.bytes().saturating_sub(untracked_bytes));
    Ok(Others { keys, counts: Counts { other: calls, bytes_out: bytes, ..Counts::default() } })
}

/// Servers that exited and came back. Those that appeared later are known from the begin here, and a note says since when.
fn servers(head: &Head) -> Result<Vec<Change>, String> {
    // A server is told anew each time it comes back, which a capture spells out.
    let lengths = head.gaps.iter().filter_map(|gap| head.targets.get(gap.target as usize)).map(length);
    if lengths.sum::<usize>() > LINE_MAX {
        return Err(TOO_MUCH.to_owned());
    }
    let mut changes = Vec::new();
    for (index, gap) in head.gaps.iter().enumerate() {
        let GapMembers { target, exited_pid, from_s, to_s, new_pid } = gap;
        let Some(info) = head.targets.get(*target as usize) else {
            return Err(format!("a gap names target {target}, {} are known", head.targets.len()));
        };
        // The next one to exit is the one that came.
        let next = head.gaps.iter().skip(index + 1).find(|gap| gap.target == *target).and_then(|gap| gap.exited_pid);
        let pid = new_pid.or(next).unwrap_or(info.pid);
        let to = to_s.map(time).transpose()?;
        match (exited_pid, to) {
            (Some(_), to) => {
                changes.push(Change::Exited { target: *target, at: time(*from_s)? });
                let info = TargetInfo { pid, ..info.clone() };
                changes.extend(to.map(|at| Change::Attached { target: *target, at, info }));
            }
            (None, Some(at)) => {
                changes.push(note(format!("pid {pid} appeared and is watched from {:.1} s.", at.as_secs_f64())));
            }
            (None, None) => {}
        }
    }
    Ok(changes)
}

/// What the probes took, as far as two ratios tell.
fn cost(members: &CostMembers) -> Option<Cost> {
    let CostMembers { hits, ns_per_hit, share_of_server_cpu } = *members;
    let probes = Duration::try_from_secs_f64(ns_per_hit.unwrap_or(0.0) * hits as f64 / 1e9).ok()?;
    let servers = share_of_server_cpu.filter(|share| *share > 0.0).map(|share| probes.as_secs_f64() / share);
    let servers = Duration::try_from_secs_f64(servers.unwrap_or(0.0)).ok()?;
    Some(Cost { hits, probes, servers })
}
