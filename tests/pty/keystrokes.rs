//! Keys do what the help says.

use mctop_test_support::terminal::Terminal;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/pictures/flash-sale.ndjson.zst");

/// A key, how the help names it, what the help says it does, and whether it has done that.
type Keystroke = (&'static str, &'static str, &'static str, fn(&Terminal) -> bool);

fn sorted(terminal: &Terminal, header: &str) -> bool {
    terminal.headers().split_whitespace().any(|word| word == header)
}

fn first(terminal: &Terminal) -> String {
    terminal.rows().first().cloned().unwrap_or_default()
}

#[test]
fn ten_keystrokes_do_what_the_help_says() {
    let keystrokes: [Keystroke; 13] = [
        ("$", "$ ", "in a replay: go to the end", |terminal| terminal.text().contains(" 2:00/2:00 ")),
        (",", ", ", "in a replay: pause and step back one interval", |terminal| {
            terminal.text().contains(" 1:59/2:00 ") && terminal.text().contains("PAUSED")
        }),
        ("S", "S ", "sort by SIZE", |terminal| sorted(terminal, "SIZE▼") && first(terminal).starts_with("podYYY:menu")),
        ("r", "r I T", "reverse the order", |terminal| {
            sorted(terminal, "SIZE▲") && !first(terminal).starts_with("podYYY:menu")
        }),
        ("B", "B ", "sort by BYTES/S", |terminal| {
            sorted(terminal, "BYTES/S▼") && first(terminal).starts_with("podYYY:rails")
        }),
        ("a", "a ", "next grouping: auto", |terminal| {
            terminal.rows().iter().any(|row| row.starts_with("podXXX::M:blob"))
                && terminal.text().contains("grouped by auto")
        }),
        ("\x1b[B", "Down j", "down one row", |terminal| terminal.text().contains("#1 ")),
        ("H", "H ", "show or hide the hints", |terminal| !terminal.text().contains("hint: ")),
        ("s", "s ", "choose the column to sort by", |terminal| terminal.text().contains(" sort by")),
        ("\x1b", "Esc ", "back: close what is open", |terminal| !terminal.text().contains(" sort by")),
        ("\r", "Enter ", "open the selected row", |terminal| terminal.text().contains("hit ratio")),
        ("\t", "Tab ", "only clients and latencies", |terminal| {
            let text = terminal.text();
            !text.contains("hit ratio") && text.contains("A capture does not contain clients")
        }),
        ("c", "c ", "copy the selected key to the clipboard", |terminal| terminal.text().contains("sent the key")),
    ];
    let mut terminal = Terminal::run(&["replay", CAPTURE]);
    terminal.resize(60, 100);
    terminal.wait("a whole table", |terminal| terminal.text().contains('▼') && terminal.text().contains(" of "));
    terminal.press("?");
    for (_, keys, meaning, _) in keystrokes {
        let is_listed = |line: &str| line.starts_with(keys) && line.contains(meaning);
        terminal.wait(&format!("the help on {keys:?}"), |terminal| terminal.text().lines().any(is_listed));
    }
    terminal.press("?");
    terminal.wait_for("▼");
    for (key, _, meaning, has_done_it) in keystrokes {
        terminal.press(key);
        terminal.wait(meaning, has_done_it);
    }
    terminal.quit();
}
