//! The tables of `docs/operations.md` are the declared cases. `UPDATE_DOCS=1 cargo test -p mctop --test live operations` writes
//! them.

use std::fmt;

use super::case::{Case, Cells, Ttl};
use super::group::{GROUPS, Group};

const HEADINGS: [&str; 13] = [
    "operation",
    "CALLS",
    "GETS",
    "HITS",
    "MISSES",
    "SETS",
    "DELETES",
    "OTHER",
    "out",
    "in",
    "SIZE",
    "TTL",
    "memcached's own",
];

/// The tables are between these lines.
const BEGIN: &str = "<!-- generated: operations -->\n";
const END: &str = "<!-- end -->";

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("-"),
            Self::Never => f.write_str("∞"),
            Self::Seconds(seconds) => write!(f, "{seconds}s"),
        }
    }
}

fn tables() -> String {
    GROUPS.iter().map(table).collect::<Vec<_>>().join("\n")
}

fn table(group: &Group) -> String {
    let mut text = format!("## {}\n\n{}|{}\n", group.title, line(&HEADINGS.map(str::to_owned)), "---|".repeat(13));
    text.extend(group.cases.iter().map(row));
    text
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn row(case: &Case) -> String {
    let mut name = case.name.to_owned();
    if case.copies > 1 {
        name += "; of each key";
    }
    let mut cells = vec![name];
    match &case.cells {
        Some(counted) => cells.extend(counted.shown()),
        None => cells.extend(std::iter::repeat_n(String::new(), HEADINGS.len() - 2)),
    }
    let own: Vec<String> = case.own.iter().map(|(counter, more)| format!("{counter} {more:+}")).collect();
    cells.push(own.join(", "));
    line(&cells)
}

impl Cells {
    fn shown(&self) -> Vec<String> {
        let count = |name: &str| {
            let (_, count) = self.counts().into_iter().find(|(field, _)| *field == name).unwrap();
            count
        };
        let plain = |name: &str| if count(name) == 0 { String::new() } else { count(name).to_string() };
        let with = |name: &str, parts: &[(&str, u64)]| {
            let printed: Vec<String> = parts
                .iter()
                .filter(|(_, part)| *part > 0)
                .map(|(what, part)| if *part == count(name) { (*what).to_owned() } else { format!("{part} {what}") })
                .collect();
            if printed.is_empty() { plain(name) } else { format!("{} ({})", plain(name), printed.join(", ")) }
        };
        vec![
            plain("calls"),
            plain("gets"),
            plain("hits"),
            with("misses", &[("expired", self.expired), ("flushed", self.flushed)]),
            with("sets", &[("not stored", self.not_stored), ("exists", self.exists)]),
            with("deletes", &[("found", self.delete_hits)]),
            with("other", &[("found", self.other_hits)]),
            plain("bytes_out"),
            plain("bytes_in"),
            self.size.map_or("-".to_owned(), |size| size.to_string()),
            self.ttl.to_string(),
        ]
    }
}

#[test]
fn the_documented_cells_are_the_declared_ones() {
    let path = mctop_test_support::workspace("docs/operations.md");
    let written = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = written.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let current = format!("{before}{BEGIN}{}{END}{after}", tables());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, current).unwrap();
    } else {
        assert!(
            written == current,
            "docs/operations.md is out of date: run UPDATE_DOCS=1 cargo test -p mctop --test live operations"
        );
    }
}
