//! Markdown tables.

/// The head of a table: the names of its columns, and the line below them.
#[must_use]
pub fn head(names: &[impl AsRef<str>]) -> String {
    row(names) + &row(&vec!["---"; names.len()])
}

/// A row of a table, with each cell escaped.
#[must_use]
pub fn row(cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| cell(text.as_ref())).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// Escapes the text of a cell.
#[must_use]
pub fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

/// Text without line ends, and with single spaces.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_in_its_cell() {
        assert_eq!(row(&["a|b", "c\r\nd"]), "| a\\|b | c d |\n");
        assert_eq!(head(&["x", "y"]), "| x | y |\n| --- | --- |\n");
    }
}
