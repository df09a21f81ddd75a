//! Checks that the documents list the keys and columns that the code declares. `UPDATE_README=1 cargo test -p mctop readme`
//! updates them.

use std::path::Path;

use crate::model::column::COLUMNS;
use crate::tui::keymap::{Binding, bindings};

fn keys() -> String {
    let row = |binding: &Binding| format!("| `{}` | {} |\n", binding.labels(), binding.meaning);
    format!("| keys | what they do |\n|---|---|\n{}", bindings().iter().map(row).collect::<String>())
}

fn columns() -> String {
    let rows = COLUMNS.iter().map(|column| format!("| {} | `{}` | {} |\n", column.header, column.name, column.meaning));
    format!("| column | name | meaning |\n|---|---|---|\n{}", rows.collect::<String>())
}

/// Replaces the text between the markers of section `name`.
fn with_section(text: &str, name: &str, content: &str) -> String {
    let marker = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&marker).unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    format!("{before}{marker}{content}<!-- end -->{after}")
}

#[test]
fn the_documents_list_the_declared_keys_and_columns() {
    for (document, section, content) in [("docs/live.md", "keys", keys()), ("README.md", "columns", columns())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
        let written = std::fs::read_to_string(&path).unwrap();
        let current = with_section(&written, section, &content);
        if std::env::var_os("UPDATE_README").is_some() {
            std::fs::write(&path, current).unwrap();
        } else {
            assert!(written == current, "{document} is out of date: run UPDATE_README=1 cargo test -p mctop readme");
        }
    }
}
