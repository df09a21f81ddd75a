//! Fits text and columns into terminal cells.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::glyphs::Glyphs;
use crate::model::column::{COLUMNS, Column};
use crate::model::key::Key;

/// The key column is never narrower, cells.
pub const MIN_KEY_WIDTH: usize = 16;
/// Columns are dropped until keys of up to this width are shown in full; longer ones lose their middle. Most keys
/// of the workloads published by Atikoglu et al. (SIGMETRICS 2012) are shorter.
pub const WANTED_KEY_WIDTH: usize = 44;
/// When the rank is dropped, before columns of the same number, on the scale of [`crate::model::column::Declaration::drop_order`].
const RANK_DROP_ORDER: u8 = 4;

/// A column and its width in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The column.
    pub column: Column,
    /// Its width, without the gap to the next one.
    pub width: usize,
}

/// The columns that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Width of the rank, where there is room for it.
    pub rank: Option<usize>,
    /// The columns in the order shown.
    pub slots: Vec<Slot>,
}

/// What is to be fitted.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The columns besides the key, and their widths.
    pub slots: &'a [Slot],
    /// Width of the rank.
    pub rank: usize,
    /// Width of the widest key.
    pub key: usize,
    /// The column that stays even if others of its kind are dropped: the one sorted by.
    pub keep: Column,
    /// Cells between columns.
    pub gap: usize,
}

impl Layout {
    /// Drops columns, highest drop order first and from the right among equals, until the key has the width it wants, but no
    /// more than [`WANTED_KEY_WIDTH`]; the sort column stays. Those that are otherwise never dropped go when even
    /// [`MIN_KEY_WIDTH`] is not left. The key gets what remains.
    #[must_use]
    pub fn fit(wish: Wish<'_>, available: usize) -> Self {
        let Wish { rank, key, keep, gap, .. } = wish;
        let mut slots = wish.slots.to_vec();
        let mut rank = Some(rank);
        let wanted = key.clamp(MIN_KEY_WIDTH, WANTED_KEY_WIDTH);
        loop {
            let others: usize =
                slots.iter().map(|slot| slot.width + gap).sum::<usize>() + rank.map_or(0, |width| width + gap);
            let room = available.saturating_sub(others);
            let order = |slot: &Slot| slot.column.declaration().drop_order;
            let victim = slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.column != keep && (order(slot) > 0 || room < MIN_KEY_WIDTH))
                .max_by_key(|(index, slot)| (order(slot), *index))
                .map(|(index, slot)| (index, order(slot)));
            if room >= wanted || (victim.is_none() && rank.is_none()) {
                let place = key_place(&slots);
                slots.insert(place, Slot { column: Column::Key, width: room.max(1) });
                return Self { rank, slots };
            }
            match victim {
                Some((index, order)) if rank.is_none() || order > RANK_DROP_ORDER => {
                    slots.remove(index);
                }
                _ => rank = None,
            }
        }
    }
}

/// Where the key belongs among columns that are in the order of [`COLUMNS`].
fn key_place(slots: &[Slot]) -> usize {
    let position = |column| COLUMNS.iter().position(|declaration| declaration.column == column);
    slots.iter().take_while(|slot| position(slot.column) < position(Column::Key)).count()
}

/// A key as the terminal shows it: [`Key::escaped`], and additionally escaped what terminals do not agree on the width of
/// (sequences that are wider or narrower than their characters, such as emoji with skin tones) or cannot show at all.
#[must_use]
pub fn shown_key(key: &Key, glyphs: &Glyphs) -> String {
    harmless(key.escaped(), glyphs)
}

/// Any text from outside (host names, paths, versions) as the terminal may show it; see [`shown_key`].
#[must_use]
pub fn shown_text(text: &str, glyphs: &Glyphs) -> String {
    shown_key(&Key::new(text.as_bytes()), glyphs)
}

fn harmless(text: String, glyphs: &Glyphs) -> String {
    if text.is_ascii() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for cluster in text.graphemes(true) {
        let sum: usize = cluster.chars().map(|c| c.width().unwrap_or(0)).sum();
        let agreed = cluster.width() == sum;
        for (index, c) in cluster.chars().enumerate() {
            if c.is_ascii() || (glyphs.unicode && (agreed || index == 0)) {
                out.push(c);
            } else {
                out.extend(c.escape_unicode());
            }
        }
    }
    out
}

/// Width in cells, cluster by cluster as terminals lay it out.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
}

/// The text if it fits, else its begin and end around an ellipsis: never wider than `room`, and never half a cluster.
#[must_use]
pub fn middle(text: &str, room: usize, glyphs: &Glyphs) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let dots = width(glyphs.ellipsis);
    let Some(rest) = room.checked_sub(dots) else { return ".".repeat(room) };
    let begin = take(text.graphemes(true), rest.div_ceil(2));
    let left = rest - width(&begin);
    let end: String = take(text.graphemes(true).rev(), left).graphemes(true).rev().collect();
    format!("{begin}{}{end}", glyphs.ellipsis)
}

/// The begin of a text, at most `room` cells of it, with an ellipsis where something is cut.
#[must_use]
pub fn begin(text: &str, room: usize, glyphs: &Glyphs) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(rest) = room.checked_sub(width(glyphs.ellipsis)) else { return ".".repeat(room) };
    take(text.graphemes(true), rest) + glyphs.ellipsis
}

fn take<'a>(clusters: impl Iterator<Item = &'a str>, room: usize) -> String {
    let mut used = 0;
    clusters
        .take_while(|cluster| {
            used += cluster.width();
            used <= room
        })
        .collect()
}

/// The text in lines of at most `room` cells, broken at spaces where possible.
#[must_use]
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = width(word);
        if used > 0 && used + 1 + length <= room {
            used += 1;
            push(&mut lines, " ", false);
        } else if used > 0 {
            used = 0;
            push(&mut lines, "", true);
        }
        for cluster in word.graphemes(true) {
            // Several spacing characters can be one cluster, and wider than any line.
            let whole = cluster.width() <= room;
            let pieces = if whole { vec![cluster] } else { cluster.split_inclusive(|_: char| true).collect() };
            for piece in pieces {
                let over = used + piece.width() > room;
                used = if over { 0 } else { used } + piece.width();
                push(&mut lines, piece, over);
            }
        }
    }
    lines
}

fn push(lines: &mut Vec<String>, text: &str, new: bool) {
    match lines.last_mut().filter(|_| !new) {
        Some(line) => line.push_str(text),
        None => lines.push(text.to_owned()),
    }
}

/// Whether a column's text is set to the left; figures are set to the right.
#[must_use]
pub fn is_left(column: Column) -> bool {
    column == Column::Key
}

/// The text in exactly `room` cells if it is not wider.
#[must_use]
pub fn pad(text: &str, room: usize, left: bool) -> String {
    let spaces = " ".repeat(room.saturating_sub(width(text)));
    if left { format!("{text}{spaces}") } else { format!("{spaces}{text}") }
}

#[cfg(test)]
mod tests {
    use super::super::glyphs::{ASCII, UNICODE};
    use super::*;
    use proptest::prelude::*;

    fn all() -> Vec<Slot> {
        COLUMNS
            .iter()
            .filter(|declaration| !matches!(declaration.column, Column::Key | Column::Target | Column::Keys))
            .map(|declaration| Slot { column: declaration.column, width: declaration.width.into() })
            .collect()
    }

    fn names(layout: &Layout) -> Vec<&'static str> {
        layout.slots.iter().map(|slot| slot.column.declaration().name).collect()
    }

    fn fit(available: usize, key: usize, keep: Column) -> Layout {
        Layout::fit(Wish { slots: &all(), rank: 3, key, keep, gap: 1 }, available)
    }

    #[test]
    fn columns_drop_in_their_declared_order() {
        assert_eq!(names(&fit(200, 43, Column::Rate)).len(), COLUMNS.len() - 2);
        assert_eq!(names(&fit(80, 43, Column::Rate)), ["key", "rate", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(80, 20, Column::Rate)), ["key", "calls", "rate", "hit", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(40, 43, Column::Rate)), ["key", "rate", "bandwidth"]);
    }

    #[test]
    fn the_sort_column_stays() {
        assert_eq!(names(&fit(80, 43, Column::Other)), ["key", "rate", "other", "size", "bandwidth"]);
        assert_eq!(names(&fit(40, 43, Column::Calls)), ["key", "calls", "rate"]);
    }

    #[test]
    fn the_middle_of_long_text_goes() {
        assert_eq!(middle("abcdefghij", 10, &UNICODE), "abcdefghij");
        assert_eq!(middle("abcdefghij", 7, &UNICODE), "abc…hij");
        assert_eq!(middle("abcdefghij", 7, &ASCII), "abc..ij");
        assert_eq!(middle("日本語日本語", 6, &UNICODE), "日…語");
        assert_eq!(middle("abc", 1, &UNICODE), "…");
        assert_eq!(middle("abc", 0, &UNICODE), "");
        assert_eq!(begin("abcdef", 4, &UNICODE), "abc…");
    }

    #[test]
    fn words_wrap_and_long_ones_break() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("日本語", 5), ["日本", "語"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn ambiguous_clusters_are_escaped() {
        assert_eq!(shown_text("👍🏽", &UNICODE), "👍\\u{1f3fd}");
        assert_eq!(shown_text("日本", &UNICODE), "日本");
        assert_eq!(shown_text("日", &ASCII), "\\u{65e5}");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_room(bytes in proptest::collection::vec(any::<u8>(), 0..250), text in "\\PC{0,60}", room in 0usize..80) {
            for glyphs in [&UNICODE, &ASCII] {
                for text in [shown_key(&Key::new(&bytes), glyphs), shown_text(&text, glyphs)] {
                    prop_assert!(width(&middle(&text, room, glyphs)) <= room);
                    prop_assert!(width(&begin(&text, room, glyphs)) <= room);
                    prop_assert!(wrap(&text, room).iter().all(|line| width(line) <= room.max(2)));
                    let characters: usize = text.chars().map(|c| c.width().unwrap_or(0)).sum();
                    prop_assert_eq!(characters, width(&text));
                }
            }
        }

        #[test]
        fn a_layout_fits_from_40_cells_on(available in 40usize..220, key in 0usize..250, index in 0..COLUMNS.len()) {
            let keep = COLUMNS[index].column;
            let layout = fit(available, key, keep);
            let cells: usize = layout.slots.iter().map(|slot| slot.width + 1).sum::<usize>() - 1 + layout.rank.map_or(0, |rank| rank + 1);
            prop_assert_eq!(cells, available);
            prop_assert!(layout.slots.iter().any(|slot| slot.column == Column::Key && slot.width >= MIN_KEY_WIDTH));
            prop_assert!(matches!(keep, Column::Target | Column::Keys) || layout.slots.iter().any(|slot| slot.column == keep));
        }
    }
}
