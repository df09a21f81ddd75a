//! What changed between two observations, as a document and as JSON.

use super::document::{Block, Document, DocumentTable, TableColumn, Words};
use crate::model::diff::{Chance, Comparison, Diff, DiffFigures, KeyChange, Presence};
use crate::model::snapshot::Snapshot;
use crate::text::fit::{shown_key, shown_text};
use crate::text::glyphs::Glyphs;
use crate::text::{format, summary};

pub(crate) mod json;
#[cfg(test)]
mod tests;

/// Relative difference up to which rates count as unchanged.
const UNCHANGED: f64 = 0.000_5;

/// Shown if the keys of two captures cannot be matched.
const NAMES_DIFFER: &str = "The keys were redacted in different ways before and after, so a replaced key has a different name in \
each capture and is \"unseen\" in the other: only the totals can be compared. To compare keys, make both captures with the same \
--redact and --redact-key.";

/// Two observations and what changed between them.
#[derive(Clone, Copy)]
pub(crate) struct Compared<'a> {
    /// The earlier observation.
    pub before: &'a Snapshot,
    /// The later observation.
    pub after: &'a Snapshot,
    /// What changed.
    pub diff: &'a Diff,
    /// What a row is: `key` or `group`.
    pub noun: &'a str,
}

/// The document. Its first lines say what changed most.
pub(crate) fn document(compared: Compared<'_>, glyphs: &Glyphs) -> Document {
    let Compared { before, after, diff, noun } = compared;
    let mut blocks = vec![Block::Paragraph(Words::own("All: ").then(sentence(&diff.total, glyphs)))];
    if !diff.same_names {
        blocks.push(Block::Paragraph(Words::own(NAMES_DIFFER)));
    }
    let is_notable = |first: &&KeyChange| first.impact > 0.0 && (diff.same_names || first.presence == Presence::Both);
    if let Some(first) = diff.keys.first().filter(is_notable) {
        let mut words = Words::quoted(shown_key(&first.key, glyphs)).then(": ");
        words = match first.presence {
            Presence::Both => words,
            Presence::New => words.then("new; "),
            Presence::Gone => words.then("gone; "),
            Presence::MaybeNew => words.then("not recorded before; "),
            Presence::MaybeGone => words.then("not recorded after; "),
        };
        blocks.push(Block::Paragraph(words.then(sentence(&first.change, glyphs))));
    }
    blocks.push(Block::List(vec![side("Before", before, glyphs), side("After", after, glyphs)]));
    blocks.push(Block::List(remarks(compared)));
    if !diff.keys.is_empty() {
        blocks.push(Block::Table(table(&diff.keys, noun, glyphs)));
    }
    let more = summary::more(diff.matching.saturating_sub(diff.keys.len()), noun, glyphs);
    blocks.extend(more.map(|more| Block::Paragraph(Words::own(more))));
    let [from, to] =
        [before, after].map(|snapshot| summary::file(snapshot, glyphs).unwrap_or_else(|| "live".to_owned()));
    let title = Words::own("mctop diff: ").then_quoted(from).then(format!(" {} ", glyphs.arrow)).then_quoted(to);
    Document { title, blocks }
}

/// `calls fell from 75,544/s to 120/s (1/630), bytes from …`.
fn sentence(change: &Comparison, glyphs: &Glyphs) -> String {
    let Comparison { before, after, .. } = change;
    let direction = |before: f64, after: f64| match factor(before, after) {
        Factor::Unchanged => "stayed",
        _ if after > before => "rose",
        _ => "fell",
    };
    let part = |what: &str, verb: &str, before: f64, after: f64, write: &dyn Fn(f64) -> String| {
        let verb = format!("{what} {verb}");
        match factor(before, after) {
            Factor::Unchanged => format!("{verb} at {}/s", write(after)),
            factor => {
                format!("{verb} from {}/s to {}/s ({})", write(before), write(after), factor.text(glyphs))
            }
        }
    };
    let (calls, bytes) = ((before.calls_per_s(), after.calls_per_s()), (before.bytes_per_s(), after.bytes_per_s()));
    let rate = |rate: f64| format::rate(rate, None);
    let mut text = part("calls", direction(calls.0, calls.1), calls.0, calls.1, &rate);
    text += ", ";
    text += &part("bytes", direction(bytes.0, bytes.1), bytes.0, bytes.1, &format::bytes);
    if let (Some(before), Some(after)) = (before.counts.hit_ratio(), after.counts.hit_ratio()) {
        text += &format!(", hits {} {} {}", format::percent(before), glyphs.arrow, format::percent(after));
    }
    if let (Some(before), Some(after)) = (before.size, after.size)
        && before != after
    {
        text += &format!(", size {} {} {}", format::size(before), glyphs.arrow, format::size(after));
    }
    text + match change.chance {
        Chance::Unlikely => "",
        _ if factor(calls.0, calls.1) == Factor::Unchanged => "",
        Chance::Possible => "; the difference in calls may be due to chance",
        Chance::Few => "; too few calls to tell",
    }
}

/// How a rate changed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Factor {
    Unchanged,
    FromZero,
    ToZero,
    Times(f64),
    Fraction(f64),
    Percent(f64),
}

fn factor(before: f64, after: f64) -> Factor {
    if (after - before).abs() <= UNCHANGED * before.max(after) {
        return Factor::Unchanged;
    }
    match (before > 0.0, after > 0.0) {
        (false, _) => Factor::FromZero,
        (_, false) => Factor::ToZero,
        _ if after >= 2.0 * before => Factor::Times(after / before),
        _ if before >= 2.0 * after => Factor::Fraction(before / after),
        _ => Factor::Percent(100.0 * (after / before - 1.0)),
    }
}

impl Factor {
    fn text(self, glyphs: &Glyphs) -> String {
        match self {
            Self::Unchanged => "=".to_owned(),
            Self::FromZero => "from 0".to_owned(),
            Self::ToZero => "to 0".to_owned(),
            Self::Times(factor) => format!("{}{}", glyphs.times, format::rate(factor, None)),
            Self::Fraction(factor) => format!("1/{}", format::rate(factor, None)),
            Self::Percent(percent) => format!("{percent:+.1}%"),
        }
    }
}

fn side(name: &str, snapshot: &Snapshot, glyphs: &Glyphs) -> Words {
    let mut parts = summary::observation(snapshot, glyphs);
    if snapshot.interrupted {
        parts.push("interrupted or cut off".to_owned());
    }
    parts.push(summary::plural(snapshot.total.calls(), "call"));
    parts.push(format!("sent {}", format::bytes(snapshot.total.bytes_out as f64)));
    parts.push(format!("received {}", format::bytes(snapshot.total.bytes_in as f64)));
    parts.push(summary::loss(snapshot, glyphs));
    parts.extend(summary::others(snapshot));
    parts.extend(snapshot.redaction.as_ref().map(|how| format!("redacted: {}", shown_text(how, glyphs))));
    Words::own(format!("{name}: {}", parts.join(glyphs.separator)))
}

/// What a reader must know to interpret the figures.
fn remarks(compared: Compared<'_>) -> Vec<Words> {
    let Compared { before, after, diff, noun } = compared;
    let mut remarks = vec![format!(
        "{} in total, {} new, {} gone. Servers are summed.",
        summary::plural(diff.matching as u64, noun),
        format::count(diff.new as u64),
        format::count(diff.gone as u64)
    )];
    let longer = before.duration.max(after.duration).as_secs_f64();
    if longer > 0.0 && (before.duration.as_secs_f64() - after.duration.as_secs_f64()).abs() > 0.01 * longer {
        remarks.push(format!(
            "The observations differ in length ({} and {}), so rates are compared.",
            format::duration(before.duration),
            format::duration(after.duration)
        ));
    }
    if before.host != after.host {
        remarks.push("The hosts differ.".to_owned());
    }
    let incomplete = |snapshot: &Snapshot| snapshot.others.calls() > 0 || snapshot.loss.untracked_calls > 0;
    let missing = match (incomplete(before), incomplete(after)) {
        (false, false) => None,
        (true, false) => Some("The capture before does not contain"),
        (false, true) => Some("The capture after does not contain"),
        (true, true) => Some("Neither capture contains"),
    };
    if let Some(missing) = missing {
        remarks.push(format!(
            "{missing} all keys. A key that is missing there may have been called, so it is \"unseen\", not new or gone."
        ));
    }
    let judged = |chance| diff.keys.iter().filter(|key| key.change.chance == chance).count() as u64;
    if judged(Chance::Possible) > 0 {
        remarks.push(
            "chance: the difference in calls may be due to chance (99.9% confidence, for independent clients)."
                .to_owned(),
        );
    }
    if judged(Chance::Few) > 0 {
        remarks.push("few: fewer than 20 calls in total, too few to tell.".to_owned());
    }
    remarks.into_iter().map(Words::own).collect()
}

fn table(keys: &[KeyChange], noun: &str, glyphs: &Glyphs) -> DocumentTable {
    let columns = vec![
        TableColumn::text(if noun == "key" { "KEY" } else { "GROUP" }),
        TableColumn::figures("CALLS/S"),
        TableColumn::figures(glyphs.arrow),
        TableColumn::figures("CHANGE"),
        TableColumn::figures("BYTES/S"),
        TableColumn::figures(glyphs.arrow),
        TableColumn::figures("CHANGE"),
        TableColumn::figures("HIT%"),
        TableColumn::figures(glyphs.arrow),
        TableColumn::figures("SIZE"),
        TableColumn::figures(glyphs.arrow),
        TableColumn::text("NOTE"),
    ];
    DocumentTable { columns, rows: keys.iter().map(|key| row(key, glyphs)).collect() }
}

fn row(key: &KeyChange, glyphs: &Glyphs) -> Vec<Words> {
    let Comparison { before, after, chance } = &key.change;
    let (was, is) = match key.presence {
        Presence::Both => (true, true),
        Presence::New | Presence::MaybeNew => (false, true),
        Presence::Gone | Presence::MaybeGone => (true, false),
    };
    // A key that is missing from an incomplete capture is unknown, not 0.
    let blank = || glyphs.unknown.to_owned();
    let rate = |figures: &DiffFigures, there: bool, maybe: bool, write: &dyn Fn(&DiffFigures) -> String| {
        if there || !maybe { write(figures) } else { blank() }
    };
    let (maybe_before, maybe_after) = (key.presence == Presence::MaybeNew, key.presence == Presence::MaybeGone);
    let both = |write: &dyn Fn(&DiffFigures) -> String| {
        [rate(before, was, maybe_before, write), rate(after, is, maybe_after, write)]
    };
    let change = |before: f64, after: f64| {
        if maybe_before || maybe_after { blank() } else { factor(before, after).text(glyphs) }
    };
    let [calls_before, calls_after] = both(&|figures| format::rate(figures.calls_per_s(), None));
    let [bytes_before, bytes_after] = both(&|figures| format::bytes(figures.bytes_per_s()));
    let [hit_before, hit_after] =
        [before, after].map(|figures| figures.counts.hit_ratio().map_or_else(blank, format::percent));
    let [size_before, size_after] = [before, after].map(|figures| figures.size.map_or_else(blank, format::size));
    let note = match (key.presence, chance) {
        (Presence::New, _) => "new",
        (Presence::Gone, _) => "gone",
        (Presence::MaybeNew, _) => "unseen before",
        (Presence::MaybeGone, _) => "unseen after",
        (Presence::Both, Chance::Few) => "few",
        (Presence::Both, Chance::Possible) => "chance",
        (Presence::Both, Chance::Unlikely) => "",
    };
    let mut cells = vec![Words::quoted(shown_key(&key.key, glyphs))];
    let figures = [
        calls_before,
        calls_after,
        change(before.calls_per_s(), after.calls_per_s()),
        bytes_before,
        bytes_after,
        change(before.bytes_per_s(), after.bytes_per_s()),
        hit_before,
        hit_after,
        size_before,
        size_after,
        note.to_owned(),
    ];
    cells.extend(figures.into_iter().map(Words::own));
    cells
}
