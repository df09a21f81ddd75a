//! Markdown for a ticket or a post-mortem: the lines above the table as a code block, then a table of GitHub Flavored Markdown
//! (github.github.com/gfm, 4.10), which other trackers understand, too. Keys are code spans, so that they cannot be markup.

use std::io::{self, Write};

use super::table;
use crate::model::column::{Column, ColumnDeclaration};
use crate::model::ranking::{View, order};
use crate::model::snapshot::Snapshot;
use crate::text::cell::{Cells, columns};
use crate::text::fit::is_left_aligned;
use crate::text::glyphs::Glyphs;
use crate::text::summary;

/// Minimum length of a code fence.
const FENCE_MIN: usize = 3;

/// Writes the columns and figures of the table for people.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(snapshot: &Snapshot, view: &View, glyphs: &Glyphs, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    let preamble = table::preamble(snapshot, view, &order, glyphs).join("\n");
    let fence = "`".repeat(FENCE_MIN.max(1 + longest_run(&preamble)));
    writeln!(out, "{fence}text\n{preamble}\n{fence}\n")?;
    if snapshot.total.calls() == 0 {
        return writeln!(out, "{}", summary::EMPTY);
    }
    let columns: Vec<&ColumnDeclaration> = columns(snapshot).collect();
    let line = |out: &mut dyn Write, cells: Vec<String>| writeln!(out, "| {} |", cells.join(" | "));
    line(out, columns.iter().map(|column| column.header.to_owned()).collect())?;
    let rule = |column: &&ColumnDeclaration| if is_left_aligned(column.column) { "---" } else { "---:" }.to_owned();
    line(out, columns.iter().map(rule).collect())?;
    let cells = Cells { snapshot, span: view.span, glyphs };
    for row in order.rows(snapshot) {
        let text = |column: &&ColumnDeclaration| {
            let text = cells.text(row, column.column, None);
            if column.column == Column::Key { code(&text, true) } else { text }
        };
        line(out, columns.iter().map(text).collect())?;
    }
    table::more_rows(snapshot, &order, glyphs).map_or(Ok(()), |more| writeln!(out, "\n{more}"))
}

/// A text without line ends as a code span, in a table cell or elsewhere. Its delimiters are longer than any run of backticks in
/// it. The parser strips one space from each end of a text that is not blank, so a space is added where the text starts and ends
/// with a space, or touches a delimiter with a backtick (CommonMark 0.31, 6.1). In a table, bars separate cells even in code, so
/// they are escaped (GFM, 4.10).
pub(super) fn code(text: &str, in_table: bool) -> String {
    if text.is_empty() {
        return String::new();
    }
    let delimiter = "`".repeat(1 + longest_run(text));
    let blank = text.chars().all(|c| c == ' ');
    let padded =
        text.starts_with('`') || text.ends_with('`') || (text.starts_with(' ') && text.ends_with(' ') && !blank);
    let space = if padded { " " } else { "" };
    let text = if in_table { text.replace('|', "\\|") } else { text.to_owned() };
    format!("{delimiter}{space}{text}{space}{delimiter}")
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
