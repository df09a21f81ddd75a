//! `mctop replay` shows the table of a capture and answers the keyboard.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mctop_test_support::program::{self, FLASH_SALE, HOT_KEY, output};
use mctop_test_support::terminal::{SIZE, Terminal, count, mctop};

/// The part of it that the table shows on 80 columns.
const HOT_START: &str = "podYYY:rails:NN:…";

fn flash_sale(more: &[&str]) -> Terminal {
    let terminal = Terminal::run(&[&["replay", FLASH_SALE, "--no-hints"], more].concat());
    // The end of the footer is drawn last.
    terminal.wait("a whole table", |terminal| terminal.text().contains('▼') && terminal.text().contains(" of "));
    terminal
}

/// The line of the column headers, which is highlighted like a selected row.
const HEADERS: u16 = 4;

/// The numbers of the highlighted lines, from the headers on.
fn marked(terminal: &Terminal) -> Vec<u16> {
    let screen = terminal.screen();
    (HEADERS..24).filter(|row| screen.cell(*row, 0).is_some_and(vt100::Cell::inverse)).collect()
}

#[test]
fn the_first_table_shows_the_hot_key_in_full() {
    let mut terminal = flash_sale(&[]);
    assert!(terminal.is_taken());
    let (text, rows) = (terminal.text(), terminal.rows());
    assert!(text.starts_with(" REPLAY"), "{text}");
    assert!(text.contains(&format!("\n#1 {HOT_KEY}\n")), "{text}");
    assert!(rows[0].starts_with(HOT_START) && rows[0].contains("13,961 B"), "{text}");
    assert_eq!(
        terminal.headers().split_whitespace().collect::<Vec<_>>(),
        ["KEY", "rates:", "last", "1.0", "s", "TREND", "CALLS/S▼", "HIT%", "SIZE", "TTL", "BYTES/S"]
    );
    assert_eq!(rows.len(), 18, "{text}");
    terminal.quit();
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
    terminal.wait("the hot key as the last", |terminal| !terminal.text().contains(HOT_START));
    terminal.quit();
}

#[test]
fn the_first_order_is_that_of_the_command_line() {
    for (column, header) in [("size", "SIZE▼"), ("misses", "MISSES▼"), ("key", "KEY▼")] {
        let mut terminal = flash_sale(&["--sort", column]);
        let headers = terminal.text();
        assert!(headers.split_whitespace().any(|word| word == header), "{headers}");
        terminal.quit();
    }
}

#[test]
fn a_limit_is_kept() {
    let mut terminal = flash_sale(&["--limit", "2"]);
    assert_eq!(terminal.rows().len(), 2, "{}", terminal.text());
    terminal.quit();
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
        selected.len() == 2 && terminal.rows().last().is_some_and(|row| row.starts_with(HOT_START))
    });
    terminal.press("\x1b");
    terminal.wait("no selection", |terminal| marked(terminal) == [HEADERS]);
    terminal.quit();
}

#[test]
fn help_comes_and_goes() {
    let mut terminal = flash_sale(&[]);
    for (open, close) in [("?", "\x1b"), ("h", "?")] {
        terminal.press(open);
        terminal.wait_for("show or hide this help");
        terminal.wait_for("open the selected row");
        assert!(!terminal.text().contains('▼'), "{}", terminal.text());
        terminal.press(close);
        terminal.wait_for("▼");
    }
    terminal.press("?");
    terminal.wait_for("show or hide this help");
    terminal.quit();
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
    terminal.quit();
}

#[test]
fn a_filter_is_typed_kept_inverted_and_cleared() {
    let mut terminal = flash_sale(&[]);
    terminal.press(" ");
    terminal.wait_for("PAUSED");
    terminal.press("/jobs-1");
    terminal.wait("what matches", |terminal| {
        let rows = terminal.rows();
        !rows.is_empty() && rows.iter().filter(|row| row.contains("CALLS")).count() == 0 && rows[0].contains("jobs-1")
    });
    terminal.press(" and size>");
    terminal.wait_for("at character ");
    terminal.press("\x17\x17\x17");
    terminal.wait("no error", |terminal| !terminal.text().contains("at character "));
    terminal.press("\x15shop-1\r");
    terminal.wait("the table again", |terminal| {
        terminal.text().contains("match shop-1") && terminal.text().contains("q quit") && terminal.rows().len() == 18
    });
    assert!(terminal.rows().iter().all(|row| row.contains("shop-1")), "{}", terminal.text());
    terminal.press("!");
    terminal.wait("the others", |terminal| terminal.rows().first().is_some_and(|row| row.starts_with(HOT_START)));
    terminal.press("\x1b");
    terminal.wait("no filter", |terminal| !terminal.text().contains(" match "));
    terminal.quit();
}

#[test]
fn pasted_text_presses_no_keys() {
    let mut terminal = flash_sale(&[]);
    terminal.press(" ");
    terminal.wait_for("PAUSED");
    // In the table and in what covers it, neither q nor S nor line ends act as key presses.
    terminal.paste("quit\r\nSq\x03\x1b");
    terminal.wait_for("pasted text ignored");
    terminal.press("?");
    terminal.wait_for("show or hide this help");
    terminal.paste("q?\rq");
    terminal.press("?");
    terminal.wait_for("CALLS/S▼");
    terminal.press("/");
    terminal.wait_for("filter /");
    terminal.paste("shop-1\r\nq\t\x1b\x03\u{9b}\x7f");
    // The pasted line end has not ended the input.
    terminal.wait_for("filter /shop-1q ");
    terminal.press("\x1b[D\x1b[D\x1b[D");
    terminal.paste("\n!!");
    terminal.wait_for("filter /shop!!-1q ");
    terminal.press("\x15");
    terminal.paste(&"x".repeat(5_000));
    terminal.wait_for("not pasted: the text would have 5000 characters");
    terminal.paste("shop-1");
    terminal.press("\r");
    terminal.wait_for("match shop-1");
    terminal.press("/\x15\rA");
    terminal.wait_for("group by ");
    terminal.paste("auto\n");
    terminal.wait_for("group by auto ");
    terminal.wait_for("3 of 3 rows; Enter accepts");
    terminal.press("\r");
    terminal.wait_for("q quit");
    terminal.quit();
}

#[test]
fn a_family_opens_into_its_keys_and_a_key_into_its_details() {
    let mut terminal = flash_sale(&[]);
    terminal.press("a");
    terminal
        .wait("the family", |terminal| terminal.rows().iter().any(|row| row.starts_with("podYYY:rails:NN::shop-*")));
    terminal.press("jj");
    terminal.wait_for("#2 podYYY:rails:NN::shop-*");
    terminal.press("\r");
    terminal.wait("its keys", |terminal| {
        terminal.text().contains("keys of podYYY:rails:NN::shop-*")
            && terminal.rows().iter().all(|row| row.contains("shop-"))
    });
    terminal.press("\r");
    terminal.wait_for("hit ratio");
    terminal.wait_for("620 B");
    terminal.press("\x1b");
    terminal.wait_for("KEY ");
    terminal.press("\x1b");
    terminal.wait_for("#2 podYYY:rails:NN::shop-*");
    terminal.quit();
}

#[test]
fn a_menu_sorts() {
    let mut terminal = flash_sale(&[]);
    terminal.press("s");
    terminal.wait_for(" sort by");
    terminal.press("G\r");
    terminal.wait_for_sort("BYTES%▼");
    terminal.quit();
}

#[test]
fn a_key_is_copied_escaped_and_the_mouse_is_given_back() {
    let mut terminal = flash_sale(&[]);
    assert_eq!(count(&terminal.raw(), b"\x1b[?1000h"), 1);
    terminal.press("g");
    terminal.wait("a selection", |terminal| marked(terminal).len() == 2);
    terminal.press("c");
    terminal.wait_for("sent the key");
    let sent = format!("\x1b]52;c;{}\x1b\\", STANDARD.encode(HOT_KEY));
    assert_eq!(count(&terminal.raw(), sent.as_bytes()), 1);
    // A click, in decimal coordinates, on the header of the last column.
    terminal.press("\x1b[<0;80;5M\x1b[<0;80;5m");
    terminal.wait_for_sort("BYTES/S▼");
    terminal.quit();
    assert_eq!(count(&terminal.raw(), b"\x1b[?1000l"), 1);
    let mut terminal = flash_sale(&["--no-mouse"]);
    // As if an earlier program had left mouse reporting on; the key press after it shows when it was read.
    terminal.press("\x1b[<0;80;5M\x1b[<0;80;5m");
    terminal.press("r");
    terminal.wait_for_sort("CALLS/S▲");
    terminal.quit();
    assert_eq!(count(&terminal.raw(), b"\x1b[?1000"), 0);
}

#[test]
fn the_figures_are_written_to_a_file_of_the_directory() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut command = mctop(&["replay", FLASH_SALE]);
    command.cwd(directory.path());
    let mut terminal = Terminal::start(command, "xterm-256color", SIZE);
    terminal.wait("a whole table", |terminal| terminal.text().contains('▼') && terminal.text().contains(" of "));
    terminal.press("w");
    terminal.wait_for("wrote mctop-");
    terminal.quit();
    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(&files[0]).unwrap()).unwrap();
    assert_eq!((&document["schema"], &document["keys"][0]["key"]), (&"mctop.snapshot/1".into(), &HOT_KEY.into()));
    assert_eq!((&document["sort"], &document["recent"]["over"]), (&"rate".into(), &"interval".into()));
    let rates = document["keys"].as_array().unwrap().iter().map(|key| key["recent"]["calls_per_s"].as_f64().unwrap());
    assert!(rates.is_sorted_by(|a, b| a >= b));
    // Commands that read captures take the file for a capture of one interval.
    let written = files[0].to_str().unwrap();
    let mut terminal = Terminal::run(&["replay", written]);
    terminal.wait_for("A snapshot: it has sums over its whole time");
    terminal.wait_for(&format!("#1 {HOT_KEY}"));
    terminal.quit();
    let note = output(&mut program::mctop(&["report", written, "--format", "markdown"]));
    assert!(note.contains("Read from a snapshot") && note.contains(HOT_KEY), "{note}");
}

#[test]
fn what_arrives_with_a_new_size_is_not_lost() {
    let mut terminal = flash_sale(&[]);
    for (size, key, header) in [(30, "S", "SIZE▼"), (20, "B", "BYTES/S▼"), (24, "C", "CALLS▼"), (28, "R", "CALLS/S▼")]
    {
        terminal.resize(size, 80);
        terminal.press(key);
        terminal.wait_for_sort(header);
    }
    terminal.quit();
}

#[test]
fn hints_come_and_go() {
    let mut terminal = flash_sale(&[]);
    terminal.press("H");
    terminal.wait_for("hint: hot key · podYYY:rails:NN::feature_rollout:percentages");
    terminal.press("H");
    terminal.wait("no hints", |terminal| !terminal.text().contains("hint: "));
    terminal.quit();
}
