//! Fits text and columns into terminal cells.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::glyphs::Glyphs;
use crate::model::column::{COLUMNS, Column};
use crate::model::key::Key;

/// The key column is never narrower, cells.
pub(crate) const MIN_KEY_WIDTH: usize = 16;
/// Columns are dropped until keys of up to this width are shown in full; longer ones lose their middle. Most keys
/// of the workloads published by Atikoglu et al. (SIGMETRICS 2012) are shorter.
pub(crate) const WANTED_KEY_WIDTH: usize = 44;
/// When the rank is dropped, before columns of the same number, on the scale of [`crate::model::column::Declaration::drop_order`].
/// Columns that outlast it are the essential ones: what somebody on call needs of each key.
const RANK_DROP_ORDER: u8 = 4;

/// A column and its width in cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The column.
    pub column: Column,
    /// Its width, without the gap to the next one.
    pub width: usize,
}

/// The columns that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Width of the rank, where there is room for it.
    pub rank: Option<usize>,
    /// The columns in the order shown.
    pub slots: Vec<Slot>,
}

/// What is to be fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    /// The columns besides the key, and their widths.
    pub slots: &'a [Slot],
    /// Width of the rank.
    pub rank: usize,
    /// Width of the widest key.
    pub key: usize,
    /// Essential columns stay until less than this is left for the key.
    pub least_key: usize,
    /// The column that stays even if others of its kind are dropped: the one sorted by.
    pub keep: Column,
    /// Cells between columns.
    pub gap: usize,
}

impl Layout {
    /// Drops columns, highest drop order first and from the right among equals, until the key has the width it wants, but no
    /// more than [`WANTED_KEY_WIDTH`]; the sort column stays. Essential ones are dropped only until the key has
    /// [`Wish::least_key`], those that are otherwise never dropped only until it has [`MIN_KEY_WIDTH`]. The key gets what
    /// remains.
    #[must_use]
    pub(crate) fn fit(wish: Wish<'_>, available: usize) -> Self {
        let Wish { rank, key, least_key, keep, gap, .. } = wish;
        let mut slots = wish.slots.to_vec();
        let mut rank = Some(rank);
        let wanted = key.clamp(MIN_KEY_WIDTH, WANTED_KEY_WIDTH);
        let least = least_key.clamp(MIN_KEY_WIDTH, wanted);
        loop {
            let others: usize =
                slots.iter().map(|slot| slot.width + gap).sum::<usize>() + rank.map_or(0, |width| width + gap);
            let room = available.saturating_sub(others);
            let order = |slot: &Slot| slot.column.declaration().drop_order;
            let gives_way = |slot: &Slot| {
                let needed = match order(slot) {
                    0 => MIN_KEY_WIDTH,
                    1..RANK_DROP_ORDER => least,
                    RANK_DROP_ORDER.. => wanted,
                };
                slot.column != keep && room < needed
            };
            let victim = slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| gives_way(slot))
                .max_by_key(|(index, slot)| (order(slot), *index))
                .map(|(index, slot)| (index, order(slot)));
            match victim {
                Some((index, order)) if rank.is_none() || order > RANK_DROP_ORDER => {
                    slots.remove(index);
                }
                _ if rank.is_some() && room < wanted => rank = None,
                _ => {
                    let place = key_place(&slots);
                    slots.insert(place, Slot { column: Column::Key, width: room.max(1) });
                    return Self { rank, slots };
                }
            }
        }
    }

    /// The columns of a wish that found no room, in the same order.
    #[must_use]
    pub(crate) fn left_out(&self, wished: &[Slot]) -> Vec<Column> {
        let shown = |column| self.slots.iter().any(|slot| slot.column == column);
        wished.iter().map(|slot| slot.column).filter(|column| !shown(*column)).collect()
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
pub(crate) fn shown_key(key: &Key, glyphs: &Glyphs) -> String {
    harmless(key.escaped(), glyphs)
}

/// Any text from outside (host names, paths, versions, expressions) as the terminal may show it; see [`shown_key`]. Backslashes
/// stay single: an expression is shown as it was written.
#[must_use]
pub(crate) fn shown_text(text: &str, glyphs: &Glyphs) -> String {
    let parts = text.split('\\').map(|part| shown_key(&Key::new(part.as_bytes()), glyphs));
    parts.collect::<Vec<_>>().join("\\")
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
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
}

/// The text if it fits, else its begin and end around an ellipsis: never wider than `room`, and never half a cluster.
#[must_use]
pub(crate) fn middle(text: &str, room: usize, glyphs: &Glyphs) -> String {
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
pub(crate) fn begin(text: &str, room: usize, glyphs: &Glyphs) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(rest) = room.checked_sub(width(glyphs.ellipsis)) else { return ".".repeat(room) };
    take(text.graphemes(true), rest) + glyphs.ellipsis
}

/// The first of several wordings that fits, longest first; else what [`whole`] leaves of the last.
#[must_use]
pub(crate) fn wording(texts: &[String], room: usize, glyphs: &Glyphs) -> String {
    let fitting = texts.iter().find(|text| width(text) <= room).or(texts.last());
    fitting.map_or_else(String::new, |text| whole(text, room, glyphs))
}

/// The begin of a text, at most `room` cells of it, and an ellipsis where something is left out. Unlike [`begin`] it ends
/// behind a part (as separators and commas tell), else behind a word, but never between a figure and its unit: a number that
/// has lost digits is another number.
#[must_use]
pub(crate) fn whole(text: &str, room: usize, glyphs: &Glyphs) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let tail = format!(" {}", glyphs.ellipsis);
    let Some(rest) = room.checked_sub(width(&tail)) else { return begin(text, room, glyphs) };
    let kept = |end: usize| text[..end].trim_end_matches([' ', ',', ';', ':']);
    let ends = || text.match_indices(' ').map(|(end, _)| end).take_while(|end| width(kept(*end)) <= rest);
    let ends_part = |end: &usize| text[..*end].ends_with([',', ';']) || text[*end..].starts_with(glyphs.separator);
    let tears_figure = |end: &usize| {
        let before = text[..*end].rsplit(' ').next().unwrap_or_default();
        before.starts_with(is_of_figure) && text[*end..].trim_start().starts_with(char::is_alphabetic)
    };
    match ends().filter(ends_part).last().or_else(|| ends().filter(|end| !tears_figure(end)).last()) {
        Some(end) => kept(end).to_owned() + &tail,
        None if text.starts_with(is_of_figure) => glyphs.ellipsis.to_owned(),
        None => begin(text, room, glyphs),
    }
}

/// What a figure may begin with.
fn is_of_figure(character: char) -> bool {
    character.is_ascii_digit() || matches!(character, '<' | '>' | '≤' | '≥')
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
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
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
pub(crate) fn is_left(column: Column) -> bool {
    column == Column::Key
}

/// The text in exactly `room` cells if it is not wider.
#[must_use]
pub(crate) fn pad(text: &str, room: usize, left: bool) -> String {
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
        Layout::fit(Wish { slots: &all(), rank: 3, key, least_key: key, keep, gap: 1 }, available)
    }

    #[test]
    fn columns_drop_in_their_declared_order() {
        assert_eq!(names(&fit(200, 43, Column::Rate)).len(), COLUMNS.len() - 2);
        assert_eq!(names(&fit(80, 43, Column::Rate)), ["key", "rate", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(80, 20, Column::Rate)), ["key", "calls", "rate", "hit", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(40, 43, Column::Rate)), ["key", "rate", "bandwidth"]);
    }

    #[test]
    fn essential_columns_come_before_a_long_key() {
        let fit = |available, least_key| {
            Layout::fit(Wish { slots: &all(), rank: 3, key: 250, least_key, keep: Column::Rate, gap: 1 }, available)
        };
        let essential = ["key", "rate", "hit", "size", "ttl", "bandwidth"];
        assert_eq!((names(&fit(80, 16)), fit(80, 16).slots[0].width), (essential.to_vec(), 38));
        assert_eq!((names(&fit(58, 16)), fit(58, 16).slots[0].width), (essential.to_vec(), 16));
        assert_eq!(names(&fit(57, 16)), ["key", "rate", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(80, 39)), ["key", "rate", "size", "ttl", "bandwidth"]);
        let left_out = fit(57, 16).left_out(&all());
        assert!(left_out.starts_with(&[Column::Calls, Column::ShareCalls]) && left_out.contains(&Column::HitRatio));
        assert_eq!(left_out.len() + 5, all().len() + 1, "the key is no wish");
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
    fn figures_are_left_out_whole() {
        let rate = "125,000 calls/s, 1.7 GB/s · ▲×5.5 · last 1.0 s";
        for (room, expected) in [
            (80, rate),
            (46, rate),
            (45, "125,000 calls/s, 1.7 GB/s · ▲×5.5 …"),
            (34, "125,000 calls/s, 1.7 GB/s …"),
            (26, "125,000 calls/s …"),
            (16, "…"),
            (1, "…"),
        ] {
            assert_eq!(whole(rate, room, &UNICODE), expected, "{room}");
        }
        assert_eq!(whole("a 1.7 GB b", 8, &UNICODE), "a …");
        assert_eq!(whole("a 1.7 GB b", 9, &ASCII), "a ..");
        assert_eq!(whole("LOST: 100 calls (1.5%) and 50.0 MB", 28, &UNICODE), "LOST: 100 calls (1.5%) and …");
        assert_eq!(whole("memcached 1.6.18 pid 4242 127.0.0.1:11211", 28, &UNICODE), "memcached 1.6.18 pid 4242 …");
        assert_eq!(whole("flash-sale.ndjson", 10, &UNICODE), "flash-sal…");
        let wordings = ["1,200 calls since the start".to_owned(), "1,200 calls, 3 sets".to_owned()];
        assert_eq!(wording(&wordings, 26, &UNICODE), "1,200 calls, 3 sets");
        assert_eq!(wording(&wordings, 18, &UNICODE), "1,200 calls …");
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
        assert_eq!(shown_text("/user:\\d+/\x1b[m", &UNICODE), "/user:\\d+/\\x1b[m");
        assert_eq!(shown_text("日", &ASCII), "\\u{65e5}");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_its_room(bytes in proptest::collection::vec(any::<u8>(), 0..250), text in "\\PC{0,60}", room in 0usize..80) {
            for glyphs in [&UNICODE, &ASCII] {
                for text in [shown_key(&Key::new(&bytes), glyphs), shown_text(&text, glyphs)] {
                    prop_assert!(width(&middle(&text, room, glyphs)) <= room);
                    prop_assert!(width(&begin(&text, room, glyphs)) <= room);
                    prop_assert!(width(&whole(&text, room, glyphs)) <= room);
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
