//! Documents as plain text.

use super::{Block, Document, DocumentTable, Words};
use crate::text::fit::{pad, width};

/// Cells between columns.
const GAP: &str = "  ";

pub(super) fn render(document: &Document) -> String {
    let mut out = document.title.plain() + "\n";
    for block in &document.blocks {
        match block {
            Block::Heading(heading) => out += &format!("\n{heading}\n"),
            Block::Paragraph(words) => out += &format!("{}\n", words.plain()),
            Block::List(items) => items.iter().for_each(|item| out += &format!("{}\n", item.plain())),
            Block::Table(table) | Block::InsteadOfCharts(table) => out += &self::table(table),
            Block::Chart(_) => {}
        }
    }
    out
}

fn table(table: &DocumentTable) -> String {
    let cell = |row: &[Words], index: usize| row.get(index).map(Words::plain).unwrap_or_default();
    let widest = |(index, column): (usize, &super::TableColumn)| {
        table.rows.iter().map(|row| width(&cell(row, index))).chain([width(column.header)]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = table.columns.iter().enumerate().map(widest).collect();
    let line = |cell: &dyn Fn(usize) -> String| {
        let cells = table.columns.iter().zip(&widths).enumerate();
        let cells = cells.map(|(index, (column, width))| pad(&cell(index), *width, !column.figures));
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned() + "\n"
    };
    let header = line(&|index| table.columns.get(index).map_or_else(String::new, |column| column.header.to_owned()));
    let rows = table.rows.iter().map(|row| line(&|index| cell(row, index)));
    format!("\n{header}{}", rows.collect::<String>())
}
