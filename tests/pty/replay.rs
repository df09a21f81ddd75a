//! `mctop replay` shows the table of a capture and answers the keyboard.

use crate::terminal::Terminal;

const FLASH_SALE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/flash-sale.capture.ndjson");
const HOT_KEY: &str = "podYYY:rails:NN::feature_rollout:percentages";
/// As much of it as the table shows on 80 columns.
const HOT_BEGIN: &str = "podYYY:rails:NN::fe";

fn flash_sale(more: &[&str]) -> Terminal {
    let terminal = Terminal::run(&[&["replay", FLASH_SALE], more].concat());
    // What is drawn last: the end of the footer.
    terminal.wait("a whole table", |terminal| terminal.text().contains('▼') && terminal.text().contains(" of "));
    terminal
}

/// The line of the column headers, which is marked as a selected row is.
const HEADERS: u16 = 4;

/// The numbers of the lines that are marked, from the headers on.
fn marked(terminal: &Terminal) -> Vec<u16> {
    let screen = terminal.screen();
    (HEADERS..24).filter(|row| screen.cell(*row, 0).is_some_and(vt100::Cell::inverse)).collect()
}

#[test]
fn the_first_table_shows_the_hot_key_in_full() {
    let mut terminal = flash_sale(&[]);
    assert!(terminal.is_taken());
    let (text, rows) = (terminal.text(), terminal.rows());
    assert!(text.starts_with(" RECORDED"), "{text}");
    assert!(text.contains(&format!("\n#1 {HOT_KEY}\n")), "{text}");
    assert!(rows[0].starts_with(HOT_BEGIN) && rows[0].contains("13,961 B"), "{text}");
    assert_eq!(
        terminal.headers().split_whitespace().collect::<Vec<_>>(),
        ["KEY", "CALLS/S▼", "HIT%", "SIZE", "TTL", "BYTES/S"]
    );
    assert_eq!(rows.len(), 18, "{text}");
    terminal.press("q");
    terminal.ended();
}

#[test]
fn letters_sort() {
    let mut terminal = flash_sale(&[]);
    for (key, header) in [("C", "CALLS▼"), ("S", "SIZE▼"), ("B", "BYTES/S▼"), ("L", "TTL▼"), ("R", "CALLS/S▼")]
    {
        terminal.press(key);
        terminal.wait_for_sort(header);
        assert_eq!(terminal.headers().matches('▼').count(), 1);
    }
    terminal.press("r");
    terminal.wait_for_sort("CALLS/S▲");
    terminal.wait("the hot key as the last", |terminal| !terminal.text().contains(HOT_BEGIN));
    terminal.press("q");
    terminal.ended();
}

#[test]
fn the_first_order_is_that_of_the_command_line() {
    for (column, header) in [("size", "SIZE▼"), ("misses", "MISSES▼"), ("key", "KEY▼")] {
        let mut terminal = flash_sale(&["--sort", column]);
        let headers = terminal.text();
        assert!(headers.split_whitespace().any(|word| word == header), "{headers}");
        terminal.press("q");
        terminal.ended();
    }
}

#[test]
fn a_limit_is_kept() {
    let mut terminal = flash_sale(&["--limit", "2"]);
    assert_eq!(terminal.rows().len(), 2, "{}", terminal.text());
    terminal.press("q");
    terminal.ended();
}

#[test]
fn arrows_select_and_the_selection_follows_its_key() {
    let mut terminal = flash_sale(&[]);
    // The next interval would move the rows.
    terminal.press(" ");
    terminal.wait_for("PAUSED");
    assert_eq!(marked(&terminal), [HEADERS]);
    terminal.press("\x1b[B");
    terminal.wait("the first row", |terminal| marked(terminal) == [HEADERS, HEADERS + 1]);
    terminal.press("\x1b[B\x1b[B");
    terminal.wait("the third row", |terminal| marked(terminal) == [HEADERS, HEADERS + 3]);
    terminal.press("\x1b[A\x1b[A");
    terminal.wait("the first row again", |terminal| marked(terminal) == [HEADERS, HEADERS + 1]);
    terminal.press("r");
    terminal.wait("the last row", |terminal| {
        let selected = marked(terminal);
        selected.len() == 2 && terminal.rows().last().is_some_and(|row| row.starts_with(HOT_BEGIN))
    });
    terminal.press("\x1b");
    terminal.wait("no selection", |terminal| marked(terminal) == [HEADERS]);
    terminal.press("q");
    terminal.ended();
}

#[test]
fn help_comes_and_goes() {
    let mut terminal = flash_sale(&[]);
    for (open, close) in [("?", "\x1b"), ("h", "?")] {
        terminal.press(open);
        terminal.wait_for("show or hide this help");
        terminal.wait_for("sort by BYTES/S");
        assert!(!terminal.text().contains('▼'), "{}", terminal.text());
        terminal.press(close);
        terminal.wait_for("▼");
    }
    terminal.press("?");
    terminal.wait_for("show or hide this help");
    terminal.press("q");
    terminal.ended();
}

#[test]
fn space_pauses_and_continues() {
    let mut terminal = flash_sale(&[]);
    terminal.press(" ");
    terminal.wait_for("PAUSED");
    let frozen = terminal.rows();
    terminal.wait("the capture's end, in spite of the pause", |terminal| terminal.text().contains("ENDED"));
    // The message above the table takes a line of it.
    let still = terminal.rows();
    assert_eq!(still[..], frozen[..still.len()]);
    terminal.press(" ");
    terminal.wait("no pause", |terminal| !terminal.text().contains("PAUSED"));
    terminal.wait("the table of the last interval", |terminal| terminal.rows() != still);
    terminal.press("q");
    terminal.ended();
}

#[test]
fn every_size_is_followed() {
    let mut terminal = flash_sale(&[]);
    terminal.resize(6, 40);
    terminal.wait("a small table", |terminal| terminal.rows().len() == 1 && terminal.headers().contains("▼"));
    assert!(terminal.text().lines().all(|line| line.chars().count() <= 40), "{}", terminal.text());
    for (rows, columns) in [(5, 40), (6, 39), (1, 1), (2, 200)] {
        terminal.resize(rows, columns);
        terminal.wait("too small", |terminal| {
            let text = terminal.text().replace('\n', " ");
            "too small: ".starts_with(&text) || text.contains(&format!("{columns}×{rows}"))
        });
    }
    terminal.resize(50, 200);
    terminal.wait("a large table", |terminal| terminal.rows().len() >= 44);
    let headers = terminal.headers();
    for header in ["#", "CALLS", "CALLS%", "HITS", "SETS", "DELETES", "BYTES%"] {
        assert!(headers.split_whitespace().any(|word| word == header), "{header} is not in: {headers}");
    }
    terminal.press("q");
    terminal.ended();
}
