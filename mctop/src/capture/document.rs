//! Reads snapshots (`mctop.snapshot/1`, `mctop.snapshot-lines/1`), which `mctop dump` prints and the live table's `w` writes, as
//! captures of one interval.
//!
//! A snapshot has only sums over its whole time. Notes, and the others of the interval, say what is missing; nothing is made up.

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
use super::format::time;
use super::input::{LineRead, read_line};
use super::interval_sums::SUM_MAX;
use super::quote::quoted;
use super::{CHANGES_MAX, KEYS_MAX, LINE_MAX};
use crate::model::capture_meta::Ending;
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::header::Header;
use crate::model::interval::{Change, Interval, Others, Record, RecordedInterval};
use crate::model::outcomes::Outcomes;
use crate::model::schema;
use crate::model::snapshot::{Loss, Origin, TargetInfo};

/// The schemas of mctop's other documents, and the commands that print them.
const OTHERS: [(&str, &str); 2] =
    [("mctop.doctor/1", "mctop doctor --json"), ("mctop.diff/1", "mctop diff --format json")];

/// Refuses documents that would take more memory than any capture.
const TOO_MUCH: &str = "it has more keys or server changes than any capture";

/// A document that was read.
pub(super) struct ParsedDocument {
    /// What a capture has in its header.
    pub header: Header,
    /// Version of the mctop that wrote it.
    pub written_by: String,
    /// All its counts.
    pub interval: RecordedInterval,
    /// How it ended.
    pub ending: Ending,
}

/// Reads the document that starts with the line `first`; `None` if the line starts something else, such as a capture.
///
/// # Errors
/// An error of the file, or what is wrong with the document, in one sentence.
pub(super) fn read(first: &[u8], input: &mut impl BufRead, file: &str) -> Option<Result<ParsedDocument, Unreadable>> {
    // The first line has the schema, unless a document is spread over several lines: then it is only a brace.
    let several = first.trim_ascii_end() == b"{" && first.ends_with(b"\n");
    let mut text = Cow::Borrowed(first);
    if several && let Err(error) = read_rest(input, text.to_mut()) {
        return Some(Err(error));
    }
    let named = serde_json::from_slice::<Schema>(&text).ok();
    let Some(schema) = named.map_or_else(|| leading_schema(&text), |named| named.schema) else {
        return several.then(|| Err(Unreadable::Other("it is a JSON document, but not one of mctop's".to_owned())));
    };
    match schema.as_str() {
        schema::SNAPSHOT => Some(read_document(&text, file)),
        schema::SNAPSHOT_LINES => Some(read_lines(first, input, file)),
        other => match OTHERS.into_iter().find(|(schema, _)| *schema == other) {
            Some((_, command)) => Some(Err(Unreadable::Other(format!("it is what `{command}` prints ({other})")))),
            // The reader of captures explains what is wrong with a capture's first line.
            None => several.then(|| {
                let other = quoted(&format!("{other:?}"));
                Err(Unreadable::Other(format!("its schema is {other}, which this mctop does not know")))
            }),
        },
    }
}

/// Why a document cannot be read.
pub(super) enum Unreadable {
    /// The file cannot be read.
    Io(std::io::Error),
    /// It is another kind of document, or has no keys.
    Other(String),
    /// mctop would not have written it like this.
    Damaged(String),
}

#[derive(Deserialize)]
struct Schema {
    #[serde(default)]
    schema: Option<String>,
}

/// The schema of a document that is cut off or damaged: mctop writes it as the first member, or after the type of a line.
fn leading_schema(text: &[u8]) -> Option<String> {
    let start: String = String::from_utf8_lossy(text.get(..text.len().min(200))?).split_whitespace().collect();
    let start = start.strip_prefix("{\"type\":\"snapshot\",").or_else(|| start.strip_prefix('{'))?;
    let (schema, _) = start.strip_prefix("\"schema\":\"")?.split_once('"')?;
    Some(schema.to_owned())
}

/// Appends the rest of the file to `text`, which may become as long as a line of a capture.
fn read_rest(input: &mut impl BufRead, text: &mut Vec<u8>) -> Result<(), Unreadable> {
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
                    "it is larger than {most} MiB; make a smaller one by `mctop dump` with --limit, or use --format ndjson"
                )));
            }
        }
    }
}

/// The members of a document, or of its first line, that are about all keys.
#[derive(Deserialize)]
struct DocumentHead {
    mctop: String,
    host: String,
    kernel: String,
    started_at: Timestamp,
    duration_s: f64,
    interrupted: bool,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    grouping: Option<DocumentGrouping>,
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
struct DocumentGrouping {
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
    /// Missing in documents of older versions.
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
        // If there is one, `key` is escaped text.
        let bytes = key_b64.map(|text| STANDARD.decode(text)).transpose();
        let bytes = bytes.map_err(|error| format!("a key_b64 is not base64: {error}"))?;
        let key = entry::checked_key(bytes.as_deref().unwrap_or(key.as_bytes()))?;
        Ok(Record { key, target, counts, size, ttl: entry::ttl(ttl)?, outcomes })
    }
}

fn read_document(text: &[u8], file: &str) -> Result<ParsedDocument, Unreadable> {
    let mut head: DocumentHead =
        serde_json::from_slice(text).map_err(|error| Unreadable::Damaged(quoted(&error.to_string())))?;
    refuse_groups(&head)?;
    let records = std::mem::take(&mut head.keys).into_iter().map(KeyMembers::record).collect::<Result<_, _>>();
    document(head, records.map_err(Unreadable::Damaged)?, false, file)
}

/// Refuses documents whose rows are groups, because the keys cannot be recovered from them.
fn refuse_groups(head: &DocumentHead) -> Result<(), Unreadable> {
    if let Some(grouping) = head.grouping.as_ref().filter(|grouping| grouping.opened.is_none()) {
        return Err(Unreadable::Other(format!(
            "its rows are groups of keys (grouped by {}) and it does not have the keys themselves; use a snapshot without groups",
            quoted(&format!("{:?}", grouping.by))
        )));
    }
    Ok(())
}

/// Reads the lines after the first. Lines that are missing at the end were cut off.
fn read_lines(first: &[u8], input: &mut impl BufRead, file: &str) -> Result<ParsedDocument, Unreadable> {
    let head: DocumentHead =
        serde_json::from_slice(first).map_err(|error| Unreadable::Damaged(quoted(&error.to_string())))?;
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
        if leading_schema(&line).is_some() {
            let why =
                format!("another snapshot starts in line {number}, but a file must have one; split the file there");
            return Err(Unreadable::Other(why));
        }
        match serde_json::from_slice::<KeyMembers>(&line) {
            Ok(key) => records.push(key.record().map_err(damaged)?),
            // The write of this line did not finish.
            Err(_) if found == LineRead::Unterminated => break,
            Err(error) => return Err(damaged(quoted(&error.to_string()))),
        }
    }
    let cut_off = (records.len() as u64) < head.keys_shown;
    document(head, records, cut_off, file)
}

fn document(head: DocumentHead, records: Vec<Record>, cut_off: bool, file: &str) -> Result<ParsedDocument, Unreadable> {
    let ending = match (cut_off, head.interrupted) {
        (true, _) => Ending::CutOff,
        (false, true) => Ending::Interrupted,
        (false, false) => Ending::Finished,
    };
    let interval = interval(&head, records).map_err(Unreadable::Damaged)?;
    let DocumentHead { mctop: written_by, host, kernel, started_at, mut targets, redaction, gaps, .. } = head;
    // The document has the servers at the end. A header has those at the start, from which the changes lead to the end.
    for gap in gaps.iter().rev() {
        if let (Some(target), Some(pid)) = (targets.get_mut(gap.target as usize), gap.exited_pid) {
            target.pid = pid;
        }
    }
    let origin = Origin::Recorded { file: file.to_owned() };
    let header = Header { origin, host, kernel, started_at, targets, redaction };
    Ok(ParsedDocument { header, written_by, interval, ending })
}

/// All counts and changes as one interval.
fn interval(head: &DocumentHead, records: Vec<Record>) -> Result<RecordedInterval, String> {
    if records.len() > KEYS_MAX || head.gaps.len() > CHANGES_MAX {
        return Err(TOO_MUCH.to_owned());
    }
    KnownServers::from_header(&head.targets)?;
    let targets = head.targets.len();
    if let Some(record) = records.iter().find(|record| record.target as usize >= targets) {
        return Err(format!("a key names target {}, but only {targets} are defined", record.target));
    }
    let end = time(head.duration_s)?;
    let others = others(head, &records)?;
    let mut changes = vec![note(missing(head))];
    changes.extend(head.notes.iter().cloned().map(note));
    changes.extend(servers(head)?);
    let interval = Interval {
        start: Duration::ZERO,
        end,
        total: head.totals,
        loss: head.loss,
        others,
        changes,
        outcomes: head.outcomes,
        extrapolated: false,
        cost: head.cost.as_ref().and_then(cost),
    };
    Ok(interval.with(records))
}

fn note(note: String) -> Change {
    Change::Budget { note }
}

/// A note on what is missing in a document.
fn missing(head: &DocumentHead) -> String {
    let mut text = "Read from a snapshot, which has only sums over its whole time.".to_owned();
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

/// The counts in the totals that belong to no key of the document and are not untracked.
fn others(head: &DocumentHead, records: &[Record]) -> Result<Others, String> {
    let of_keys = records.iter().try_fold(Counts::default(), |sum, record| sum.sum(&record.counts, SUM_MAX));
    // If the keys have more than the totals, IntervalSums finds that the sums do not hold.
    let rest = head.totals.saturating_sub(&of_keys.ok_or("its counts add up to more than any server can reach")?);
    let Loss { untracked_calls, untracked_bytes, .. } = head.loss;
    let keys = head.keys_tracked.saturating_sub(records.len() as u64);
    if (untracked_calls, untracked_bytes) == (0, 0) {
        return Ok(Others { keys, counts: rest });
    }
    // Only calls and bytes of untracked operations are known.
    let (calls, bytes) = (rest.calls().saturating_sub(untracked_calls), rest.bytes().saturating_sub(untracked_bytes));
    Ok(Others { keys, counts: Counts { other: calls, bytes_out: bytes, ..Counts::default() } })
}

/// Changes of servers that exited and came back. Servers that appeared later are in the header, with a note on when they appeared.
fn servers(head: &DocumentHead) -> Result<Vec<Change>, String> {
    // A capture describes a server again each time it comes back.
    let lengths = head.gaps.iter().filter_map(|gap| head.targets.get(gap.target as usize)).map(length);
    if lengths.sum::<usize>() > LINE_MAX {
        return Err(TOO_MUCH.to_owned());
    }
    let mut changes = Vec::new();
    for (index, gap) in head.gaps.iter().enumerate() {
        let GapMembers { target, exited_pid, from_s, to_s, new_pid } = gap;
        let Some(info) = head.targets.get(*target as usize) else {
            return Err(format!("a gap names target {target}, but only {} are defined", head.targets.len()));
        };
        // The process that came is the one that exits next.
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

/// Recomputes the cost of the probes from two ratios.
fn cost(members: &CostMembers) -> Option<Cost> {
    let CostMembers { hits, ns_per_hit, share_of_server_cpu } = *members;
    let probes = Duration::try_from_secs_f64(ns_per_hit.unwrap_or(0.0) * hits as f64 / 1e9).ok()?;
    let servers = share_of_server_cpu.filter(|share| *share > 0.0).map(|share| probes.as_secs_f64() / share);
    let servers = Duration::try_from_secs_f64(servers.unwrap_or(0.0)).ok()?;
    Some(Cost { hits, probes, servers })
}
