//! Documents as GitHub Flavored Markdown, whose tables GitLab and most trackers understand, too.

use super::{Block, Document, DocumentTable, Word, Words};
use crate::report::markdown::code;

pub(super) fn render(document: &Document) -> String {
    let mut out = format!("## {}\n", words(&document.title, false));
    for block in &document.blocks {
        out.push('\n');
        match block {
            Block::Heading(heading) => out += &format!("### {}\n", escaped(heading)),
            Block::Paragraph(paragraph) => out += &format!("{}\n", words(paragraph, false)),
            Block::List(items) => items.iter().for_each(|item| out += &format!("- {}\n", words(item, false))),
            Block::Table(table) | Block::InsteadOfCharts(table) => out += &self::table(table),
            Block::Chart(_) => {
                out.pop();
            }
        }
    }
    out
}

fn table(table: &DocumentTable) -> String {
    let row = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let header = row(&mut table.columns.iter().map(|column| escaped(column.header)));
    let rule = table.columns.iter().map(|column| if column.figures { "---:|" } else { "---|" }).collect::<String>();
    let rows = table.rows.iter().map(|cells| row(&mut cells.iter().map(|cell| words(cell, true))));
    format!("{header}|{rule}\n{}", rows.collect::<String>())
}

fn words(words: &Words, in_table: bool) -> String {
    let word = |word: &Word| match word {
        Word::Own(text) => escaped(text),
        Word::Quoted(text) => code(text, in_table),
    };
    words.parts().iter().map(word).collect()
}

/// Text with everything escaped that would be markup (CommonMark 2.4) or a reference or mention in a tracker.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' | '@' | '!' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
