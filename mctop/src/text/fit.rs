//! Fits text and columns into terminal cells. Widths, and every `room`, are in cells.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::glyphs::Glyphs;
use crate::model::column::{COLUMNS, Column};
use crate::model::key::Key;

/// Minimum width of the key column.
pub(crate) const MIN_KEY_WIDTH: usize = 16;
/// Columns are dropped until keys of up to this width are shown in full; longer keys are truncated in the middle. Most keys of
/// the workloads published by Atikoglu et al. (SIGMETRICS 2012) are shorter.
pub(crate) const WANTED_KEY_WIDTH: usize = 44;
/// The drop order of the rank, on the scale of [`crate::model::column::ColumnDeclaration::drop_order`]: it is dropped before columns of
/// the same order. The columns dropped after it are the essential ones, which somebody on call needs for each key.
const RANK_DROP_ORDER: u8 = 4;

/// A column and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The column.
    pub column: Column,
    /// The width without the gap to the next column.
    pub width: usize,
}

/// The columns that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Width of the rank; none if it was dropped.
    pub rank: Option<usize>,
    /// The columns in display order.
    pub slots: Vec<Slot>,
}

/// What is to be laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LayoutRequest<'a> {
    /// The columns other than the key, and their widths.
    pub slots: &'a [Slot],
    /// Width of the rank.
    pub rank: usize,
    /// Width of the widest key.
    pub key: usize,
    /// Essential columns are kept while the key has at least this width.
    pub min_key_width: usize,
    /// The sort column, which is never dropped.
    pub keep: Column,
    /// Cells between columns.
    pub gap: usize,
}

impl Layout {
    /// Drops columns, those of the highest drop order first and from the right among equals, until the widest key fits or the
    /// key column has [`WANTED_KEY_WIDTH`]. Essential columns are dropped only until it has [`LayoutRequest::min_key_width`], and
    /// columns of drop order 0 only until it has [`MIN_KEY_WIDTH`]. The key gets the remaining width.
    pub(crate) fn fit(request: LayoutRequest<'_>, available: usize) -> Self {
        let LayoutRequest { rank, key, min_key_width, keep, gap, .. } = request;
        let mut slots = request.slots.to_vec();
        let mut rank = Some(rank);
        let wanted = key.clamp(MIN_KEY_WIDTH, WANTED_KEY_WIDTH);
        let least = min_key_width.clamp(MIN_KEY_WIDTH, wanted);
        loop {
            let others: usize =
                slots.iter().map(|slot| slot.width + gap).sum::<usize>() + rank.map_or(0, |width| width + gap);
            let room = available.saturating_sub(others);
            let order = |slot: &Slot| slot.column.declaration().drop_order;
            let can_be_dropped = |slot: &Slot| {
                let needed = match order(slot) {
                    0 => MIN_KEY_WIDTH,
                    1..RANK_DROP_ORDER => least,
                    RANK_DROP_ORDER.. => wanted,
                };
                slot.column != keep && room < needed
            };
            let next = slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| can_be_dropped(slot))
                .max_by_key(|(index, slot)| (order(slot), *index))
                .map(|(index, slot)| (index, order(slot)));
            match next {
                Some((index, order)) if rank.is_none() || order > RANK_DROP_ORDER => {
                    slots.remove(index);
                }
                _ if rank.is_some() && room < wanted => rank = None,
                _ => {
                    slots.insert(key_index(&slots), Slot { column: Column::Key, width: room.max(1) });
                    return Self { rank, slots };
                }
            }
        }
    }

    /// Those of the requested columns that were dropped, in the same order.
    pub(crate) fn dropped(&self, requested: &[Slot]) -> Vec<Column> {
        let shown = |column| self.slots.iter().any(|slot| slot.column == column);
        requested.iter().map(|slot| slot.column).filter(|column| !shown(*column)).collect()
    }
}

/// Where the key goes among columns that are in the order of [`COLUMNS`].
fn key_index(slots: &[Slot]) -> usize {
    let position = |column| COLUMNS.iter().position(|declaration| declaration.column == column);
    slots.iter().take_while(|slot| position(slot.column) < position(Column::Key)).count()
}

/// A key as shown on a terminal: [`Key::escaped`], with characters also escaped if terminals disagree on their width (sequences
/// that are wider or narrower than their characters, such as emoji with skin tones) or cannot show them.
pub(crate) fn shown_key(key: &Key, glyphs: &Glyphs) -> String {
    harmless(key.escaped(), glyphs)
}

/// Untrusted text (host names, paths, versions, expressions) as shown on a terminal; see [`shown_key`]. Backslashes are not
/// doubled, so that an expression looks as it was written.
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

/// Width in cells, summed over grapheme clusters as terminals lay them out.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.graphemes(true).map(UnicodeWidthStr::width).sum() }
}

/// The text if it fits, else its start and end around an ellipsis. It never splits a grapheme cluster.
pub(crate) fn truncate_middle(text: &str, room: usize, glyphs: &Glyphs) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let dots = width(glyphs.ellipsis);
    let Some(rest) = room.checked_sub(dots) else { return ".".repeat(room) };
    let start = take(text.graphemes(true), rest.div_ceil(2));
    let left = rest - width(&start);
    let end: String = take(text.graphemes(true).rev(), left).graphemes(true).rev().collect();
    format!("{start}{}{end}", glyphs.ellipsis)
}

/// The text if it fits, else its start and an ellipsis.
pub(crate) fn truncate(text: &str, room: usize, glyphs: &Glyphs) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(rest) = room.checked_sub(width(glyphs.ellipsis)) else { return ".".repeat(room) };
    take(text.graphemes(true), rest) + glyphs.ellipsis
}

/// The first of several wordings that fits; if none does, the last one cut by [`truncate_at_word`].
pub(crate) fn first_fitting(texts: &[String], room: usize, glyphs: &Glyphs) -> String {
    let fitting = texts.iter().find(|text| width(text) <= room).or(texts.last());
    fitting.map_or_else(String::new, |text| truncate_at_word(text, room, glyphs))
}

/// The text if it fits, else its start and an ellipsis. Unlike [`truncate`], it cuts after a part (ended by a separator or a
/// comma) if possible, else after a word, but never inside a number or between a number and its unit: a number without its last
/// digits would be wrong.
pub(crate) fn truncate_at_word(text: &str, room: usize, glyphs: &Glyphs) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let tail = format!(" {}", glyphs.ellipsis);
    let Some(rest) = room.checked_sub(width(&tail)) else { return truncate(text, room, glyphs) };
    let kept = |end: usize| text[..end].trim_end_matches([' ', ',', ';', ':']);
    let ends = || text.match_indices(' ').map(|(end, _)| end).take_while(|end| width(kept(*end)) <= rest);
    let ends_part = |end: &usize| text[..*end].ends_with([',', ';']) || text[*end..].starts_with(glyphs.separator);
    let splits_figure = |end: &usize| {
        let before = text[..*end].rsplit(' ').next().unwrap_or_default();
        before.starts_with(starts_figure) && text[*end..].trim_start().starts_with(char::is_alphabetic)
    };
    match ends().filter(ends_part).last().or_else(|| ends().filter(|end| !splits_figure(end)).last()) {
        Some(end) => kept(end).to_owned() + &tail,
        None if text.starts_with(starts_figure) => glyphs.ellipsis.to_owned(),
        None => truncate(text, room, glyphs),
    }
}

/// Whether a figure may start with this.
fn starts_figure(character: char) -> bool {
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

/// The text in lines of at most `room` cells, but at least 2, broken at spaces where possible.
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
            // A cluster of several spacing characters can be wider than any line.
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

/// Whether a column's text is aligned left; figures are aligned right.
pub(crate) fn is_left_aligned(column: Column) -> bool {
    column == Column::Key
}

/// The text padded to `room` cells; wider text stays as it is.
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
        Layout::fit(LayoutRequest { slots: &all(), rank: 3, key, min_key_width: key, keep, gap: 1 }, available)
    }

    #[test]
    fn columns_are_dropped_in_their_declared_order() {
        assert_eq!(names(&fit(200, 43, Column::Rate)).len(), COLUMNS.len() - 2);
        assert_eq!(names(&fit(80, 43, Column::Rate)), ["key", "rate", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(80, 20, Column::Rate)), ["key", "calls", "rate", "hit", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(40, 43, Column::Rate)), ["key", "rate", "bandwidth"]);
    }

    #[test]
    fn essential_columns_are_kept_before_a_long_key() {
        let fit = |available, min_key_width| {
            Layout::fit(
                LayoutRequest { slots: &all(), rank: 3, key: 250, min_key_width, keep: Column::Rate, gap: 1 },
                available,
            )
        };
        let essential = ["key", "rate", "hit", "size", "ttl", "bandwidth"];
        assert_eq!((names(&fit(80, 16)), fit(80, 16).slots[0].width), (essential.to_vec(), 38));
        assert_eq!((names(&fit(58, 16)), fit(58, 16).slots[0].width), (essential.to_vec(), 16));
        assert_eq!(names(&fit(57, 16)), ["key", "rate", "size", "ttl", "bandwidth"]);
        assert_eq!(names(&fit(80, 39)), ["key", "rate", "size", "ttl", "bandwidth"]);
        let dropped = fit(57, 16).dropped(&all());
        assert!(dropped.starts_with(&[Column::Calls, Column::ShareCalls]) && dropped.contains(&Column::HitRatio));
        assert_eq!(dropped.len() + 5, all().len() + 1, "the key is not among the requested columns");
    }

    #[test]
    fn the_sort_column_is_never_dropped() {
        assert_eq!(names(&fit(80, 43, Column::Other)), ["key", "rate", "other", "size", "bandwidth"]);
        assert_eq!(names(&fit(40, 43, Column::Calls)), ["key", "calls", "rate"]);
    }

    #[test]
    fn long_text_is_truncated() {
        assert_eq!(truncate_middle("abcdefghij", 10, &UNICODE), "abcdefghij");
        assert_eq!(truncate_middle("abcdefghij", 7, &UNICODE), "abc…hij");
        assert_eq!(truncate_middle("abcdefghij", 7, &ASCII), "abc..ij");
        assert_eq!(truncate_middle("日本語日本語", 6, &UNICODE), "日…語");
        assert_eq!(truncate_middle("abc", 1, &UNICODE), "…");
        assert_eq!(truncate_middle("abc", 0, &UNICODE), "");
        assert_eq!(truncate("abcdef", 4, &UNICODE), "abc…");
    }

    #[test]
    fn figures_are_never_split() {
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
            assert_eq!(truncate_at_word(rate, room, &UNICODE), expected, "{room}");
        }
        assert_eq!(truncate_at_word("a 1.7 GB b", 8, &UNICODE), "a …");
        assert_eq!(truncate_at_word("a 1.7 GB b", 9, &ASCII), "a ..");
        assert_eq!(
            truncate_at_word("LOST: 100 calls (1.5%) and 50.0 MB", 28, &UNICODE),
            "LOST: 100 calls (1.5%) and …"
        );
        assert_eq!(
            truncate_at_word("memcached 1.6.18 pid 4242 127.0.0.1:11211", 28, &UNICODE),
            "memcached 1.6.18 pid 4242 …"
        );
        assert_eq!(truncate_at_word("flash-sale.ndjson", 10, &UNICODE), "flash-sal…");
        let wordings = ["1,200 calls since the start".to_owned(), "1,200 calls, 3 sets".to_owned()];
        assert_eq!(first_fitting(&wordings, 26, &UNICODE), "1,200 calls, 3 sets");
        assert_eq!(first_fitting(&wordings, 18, &UNICODE), "1,200 calls …");
    }

    #[test]
    fn text_wraps_at_words_and_splits_long_ones() {
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
                    prop_assert!(width(&truncate_middle(&text, room, glyphs)) <= room);
                    prop_assert!(width(&truncate(&text, room, glyphs)) <= room);
                    prop_assert!(width(&truncate_at_word(&text, room, glyphs)) <= room);
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
