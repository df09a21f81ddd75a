//! Documents as a self-contained HTML file without scripts, light or dark as the reader's system prefers.

use super::markup::escaped;
use super::{Block, Document, DocumentTable, Word, Words, chart};

/// The style sheet. The colours of the lines are by Okabe and Ito, and distinct for people with any colour vision.
const STYLE: &str = "\
:root{color-scheme:light dark;--fg:#1a1a1a;--bg:#fff;--soft:#666;--rule:#ddd;--code:#f3f3f3;\
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#aa4499;--c4:#b8860b}\
@media(prefers-color-scheme:dark){:root{--fg:#e6e6e6;--bg:#16181c;--soft:#9aa0a6;--rule:#3a3d42;--code:#24272c;\
--c0:#56b4e9;--c1:#ff8c42;--c2:#2cc69c;--c3:#dd8ad0;--c4:#f0e442}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:84rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}\
code{font:.92em ui-monospace,monospace;background:var(--code);padding:.05em .3em;border-radius:3px;overflow-wrap:anywhere;\
-webkit-box-decoration-break:clone;box-decoration-break:clone}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .5rem;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}\
td:first-child{min-width:min(18rem,50vw)}\
th{color:var(--soft);font-weight:600}.n{text-align:right;white-space:nowrap}\
figure{margin:1.5rem 0}figcaption{font-weight:600}svg{width:100%;height:auto;display:block}\
svg text{fill:var(--soft);font:11px system-ui,sans-serif}.grid{stroke:var(--rule)}.line{fill:none;stroke-width:1.6}\
.legend span{margin-right:1.2rem;white-space:nowrap}.legend i{display:inline-block;width:1rem;height:.25rem;\
margin-right:.4rem;vertical-align:middle}\
.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}.s4{stroke:var(--c4)}\
.b0{background:var(--c0)}.b1{background:var(--c1)}.b2{background:var(--c2)}.b3{background:var(--c3)}.b4{background:var(--c4)}\
.d0{fill:var(--c0)}.d1{fill:var(--c1)}.d2{fill:var(--c2)}.d3{fill:var(--c3)}.d4{fill:var(--c4)}";

/// Forbids the browser to load or run anything, in case a key gets past the escaping.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn render(document: &Document) -> String {
    let title = escaped(&document.title.plain());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{}</h1>\n",
        words(&document.title)
    );
    for block in &document.blocks {
        match block {
            Block::Heading(heading) => out += &format!("<h2>{}</h2>\n", escaped(heading)),
            Block::Paragraph(paragraph) => out += &format!("<p>{}</p>\n", words(paragraph)),
            Block::List(items) => {
                let items = items.iter().map(|item| format!("<li>{}</li>\n", words(item)));
                out += &format!("<ul>\n{}</ul>\n", items.collect::<String>());
            }
            Block::Table(table) => out += &self::table(table),
            Block::Chart(chart) => out += &chart::svg(chart),
            Block::InsteadOfCharts(_) => {}
        }
    }
    out + "</body>\n</html>\n"
}

fn table(table: &DocumentTable) -> String {
    let class = |index: usize| match table.columns.get(index) {
        Some(column) if column.figures => " class=\"n\"",
        _ => "",
    };
    let header = table.columns.iter().enumerate();
    let header = header.map(|(index, column)| format!("<th{}>{}</th>", class(index), escaped(column.header)));
    let row = |row: &Vec<Words>| {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(index, cell)| format!("<td{}>{}</td>", class(index), words(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    format!(
        "<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        header.collect::<String>(),
        table.rows.iter().map(row).collect::<String>()
    )
}

fn words(words: &Words) -> String {
    let word = |word: &Word| match word {
        Word::Own(text) => escaped(text),
        Word::Quoted(text) => format!("<code>{}</code>", escaped(text)),
    };
    words.parts().iter().map(word).collect()
}
