//! A document keeps its structure in every format, no matter what it quotes.

use std::time::Duration;

use proptest::prelude::*;

use super::{Block, Chart, ChartLine, Document, DocumentFormat, DocumentTable, TableColumn, Words};
use crate::model::key::Key;
use crate::text::format;

fn document(key: &str) -> Document {
    let quoted = || Words::quoted(key);
    let table = DocumentTable {
        columns: vec![TableColumn::text("KEY"), TableColumn::figures("CALLS")],
        rows: vec![vec![quoted(), Words::own("1,000")], vec![Words::own(key), Words::own("<0.1%")]],
    };
    let line = |name: &str, values: &[Option<f64>]| ChartLine { name: name.to_owned(), values: values.to_vec() };
    let chart = Chart {
        title: format!("Calls of {key}"),
        times: (1..=4).map(Duration::from_secs).collect(),
        lines: vec![line(key, &[Some(1.0), None, Some(2_500.0), Some(3.0)]), line("none", &[None; 4])],
        unit: format::bytes,
        top: None,
    };
    Document {
        title: Words::own("About ").then_quoted(key),
        blocks: vec![
            Block::Heading(key.to_owned()),
            Block::Paragraph(quoted().then(" was ").then_quoted(key).then(key)),
            Block::List(vec![quoted(), Words::own("lost: nothing")]),
            Block::Table(table.clone()),
            Block::Chart(chart),
            Block::InsteadOfCharts(table),
        ],
    }
}

/// Number of cells of a Markdown table row, as GitHub parses it.
fn cells(row: &str) -> usize {
    let mut bars = 0;
    let mut characters = row.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => drop(characters.next()),
            '|' => bars += 1,
            _ => {}
        }
    }
    bars - 1
}

fn check(key: &str) {
    let document = document(key);
    let html = document.render(DocumentFormat::Html);
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let page =
        roxmltree::Document::parse_with_options(&html, options).unwrap_or_else(|error| panic!("{error}: {html}"));
    let named = |name: &'static str| page.descendants().filter(move |node| node.has_tag_name(name));
    for name in ["script", "img", "iframe", "object", "link", "a"] {
        assert_eq!(named(name).count(), 0, "{name}");
    }
    let attributes = page.descendants().flat_map(|node| node.attributes());
    for attribute in attributes {
        assert!(!attribute.name().starts_with("on") && !["href", "src", "style"].contains(&attribute.name()));
    }
    assert_eq!(named("td").count(), 4);
    assert_eq!(named("td").next().and_then(|cell| cell.first_element_child()).and_then(|code| code.text()), Some(key));
    assert_eq!(named("svg").count(), 1);
    assert_eq!(named("path").count(), 1, "a line without values is not drawn");
    let markdown = document.render(DocumentFormat::Markdown);
    let rows: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(rows.len(), 8, "{markdown}");
    assert!(rows.iter().all(|row| row.starts_with("|---") || cells(row) == 2), "{markdown}");
    let text = document.render(DocumentFormat::Text);
    assert!(text.lines().filter(|line| line.contains("1,000")).all(|line| line.starts_with(key)), "{text}");
}

#[test]
fn hostile_keys_keep_the_structure() {
    for key in [
        "plain",
        "</code></td><script>alert(1)</script>",
        "\" onload=\"alert(1)",
        "a|b",
        "a\\\\|b",
        "`",
        "``a`b```",
        "a`",
        " a ",
        "*bold* _it_ [x](http://e.example) <b> &amp; ~~s~~ @someone #1 ![i](u) $x$",
        "]]>",
        "<!--",
        "日本語",
    ] {
        check(key);
    }
}

#[test]
fn code_in_markdown_has_more_backticks_around_it_than_inside() {
    let rendered = document("a``b|").render(DocumentFormat::Markdown);
    assert!(rendered.contains("- ```a``b|```\n"), "{rendered}");
    assert!(rendered.contains("| ```a``b\\|``` | 1,000 |"), "{rendered}");
}

proptest! {
    #[test]
    fn any_key_keeps_the_structure(bytes in proptest::collection::vec(any::<u8>(), 1..250), text in "[|`\\\\<>&\"' a]{1,20}") {
        check(&Key::new(&bytes).escaped());
        check(&Key::new(text.as_bytes()).escaped());
    }
}

#[test]
fn documents_in_every_format() {
    insta::assert_snapshot!("text", document("a|b `c` <d>").render(DocumentFormat::Text));
    insta::assert_snapshot!("markdown", document("a|b `c` <d>").render(DocumentFormat::Markdown));
    insta::assert_snapshot!("html", document("a|b `c` <d>").render(DocumentFormat::Html));
}
