//! Markdown for a ticket or a post-mortem: the lines above the table as they are, then a table of GitHub Flavored Markdown
//! (github.github.com/gfm, 4.10), which GitLab, Jira and others read too.
//!
//! Nothing in it that comes from elsewhere is Markdown: keys are code spans, the lines above are a code block.

use std::io::{self, Write};

use super::table;
use crate::model::column::{Column, ColumnDeclaration};
use crate::model::ranking::{View, order};
use crate::model::snapshot::Snapshot;
use crate::text::cell::{Cells, columns};
use crate::text::fit::is_left;
use crate::text::glyphs::Glyphs;
use crate::text::summary;

/// Shortest fence of a code block.
const FENCE_MIN: usize = 3;

/// Writes it, with the columns and figures of the table for people.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write(snapshot: &Snapshot, view: &View, glyphs: &Glyphs, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    let about = table::about(snapshot, view, &order, glyphs).join("\n");
    let fence = "`".repeat(FENCE_MIN.max(1 + longest_run(&about)));
    writeln!(out, "{fence}text\n{about}\n{fence}\n")?;
    if snapshot.total.calls() == 0 {
        return writeln!(out, "{}", summary::EMPTY);
    }
    let columns: Vec<&ColumnDeclaration> = columns(snapshot).collect();
    let line = |out: &mut dyn Write, cells: Vec<String>| writeln!(out, "| {} |", cells.join(" | "));
    line(out, columns.iter().map(|column| column.header.to_owned()).collect())?;
    let rule = |column: &&ColumnDeclaration| if is_left(column.column) { "---" } else { "---:" }.to_owned();
    line(out, columns.iter().map(rule).collect())?;
    let cells = Cells { snapshot, span: view.span, glyphs };
    for row in order.indices.iter().filter_map(|index| snapshot.rows.get(*index)) {
        let text = |column: &&ColumnDeclaration| {
            let text = cells.text(row, column.column, None);
            if column.column == Column::Key { code_in_cell(&text) } else { text }
        };
        line(out, columns.iter().map(text).collect())?;
    }
    let cut = order.matching.saturating_sub(order.indices.len());
    if cut > 0 {
        writeln!(out, "\n{} and {}", glyphs.ellipsis, summary::plural(cut as u64, "more key"))?;
    }
    Ok(())
}

/// A text without line ends as a code span in a cell. Its delimiters are longer than any run of backticks in it (CommonMark
/// 0.31, 6.1); a space at each end is taken away again where one keeps backticks or spaces apart from the delimiters. Bars
/// are escaped also in code, before which the cells are told apart (GFM, 4.10).
fn code_in_cell(text: &str) -> String {
    let delimiter = "`".repeat(1 + longest_run(text));
    let blank = text.chars().all(|c| c == ' ');
    let apart =
        text.starts_with('`') || text.ends_with('`') || (text.starts_with(' ') && text.ends_with(' ') && !blank);
    let space = if apart { " " } else { "" };
    format!("{delimiter}{space}{}{space}{delimiter}", text.replace('|', "\\|"))
}

/// Length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
