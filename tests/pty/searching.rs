//! A key is found by the text that is shown of it, and errors break between words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mctop_test_support::captures::{capture, interval};
use mctop_test_support::program::{FLASH_SALE, run};
use mctop_test_support::terminal::{Terminal, joined};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// Keys as they are shown and as a capture has them, the hottest first.
fn keys() -> [(&'static str, Value); 6] {
    [
        ("bad\\xff", json!({"key_b64": "YmFk/w=="})),
        ("tab\\x09here", json!({"key": "tab\there"})),
        ("{:raw=>true}", json!({"key": "{:raw=>true}"})),
        ("back\\\\slash", json!({"key": "back\\slash"})),
        ("zero\\u{200b}width", json!({"key": "zero\u{200b}width"})),
        ("f(x)?[1]=/y", json!({"key": "f(x)?[1]=/y"})),
    ]
}

fn file() -> NamedTempFile {
    let mut entries: Vec<Value> = keys().into_iter().map(|(_, key)| key).collect();
    for (index, entry) in entries.iter_mut().enumerate() {
        entry["hits"] = json!(100 - index);
    }
    let mut interval = interval(0, &entries);
    interval["end_s"] = json!(3_600);
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), capture(&[interval])).unwrap();
    file
}

/// The texts that the program asked the terminal to copy.
fn copied(terminal: &Terminal) -> Vec<String> {
    let raw = String::from_utf8(terminal.raw()).unwrap();
    let texts = raw.split("\x1b]52;c;").skip(1).filter_map(|rest| rest.split_once("\x1b\\"));
    texts.map(|(text, _)| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()).collect()
}

#[test]
fn what_is_shown_and_what_is_copied_finds_its_key() {
    let file = file();
    let mut terminal = Terminal::run(&["replay", file.path().to_str().unwrap(), "--no-hints"]);
    terminal.wait("all keys", |terminal| terminal.rows().len() == keys().len());
    for (index, (shown, _)) in keys().into_iter().enumerate() {
        assert!(terminal.rows()[index].starts_with(shown), "{}", terminal.text());
        terminal.press(&format!("g{}c", "j".repeat(index)));
        terminal.wait("the copy", |terminal| copied(terminal).len() > index);
        let copy = copied(&terminal).remove(index);
        for text in [shown, &copy] {
            terminal.press("/\x15");
            terminal.paste(text);
            terminal.wait("the key alone", |terminal| {
                terminal.rows()[0].starts_with(shown) && terminal.text().contains("1 of 6 keys; Enter accepts")
            });
            terminal.press("\x15\r");
            terminal.wait_for("1–6 of 6");
        }
    }
    terminal.quit();
}

#[test]
fn what_is_wrong_with_a_filter_is_told_in_full() {
    let mut terminal = Terminal::run(&["replay", FLASH_SALE, "--no-hints"]);
    terminal.wait("a whole table", |terminal| terminal.text().contains('▼') && terminal.text().contains(" of "));
    for (text, printed) in [
        ("sise>5", "at character 1: \"sise\" is not a column; did you mean size? Otherwise text goes in double quotes"),
        ("speed>5", "bandwidth, share-bytes, expired, flushed"),
        ("size>large", "expected a number of bytes such as 500, 13.9kB or 1M; text goes in double quotes"),
        ("/(shop", "the closing / is missing; write \\/ for a / inside; text goes in double quotes"),
        ("a | b", "use the word or instead of | between alternatives; text goes in double quotes"),
    ] {
        for columns in [80, 60] {
            terminal.resize(24, columns);
            terminal.press("/\x15");
            terminal.paste(text);
            if columns == 80 {
                terminal.wait(printed, |terminal| joined(&terminal.text()).contains(printed));
            }
            terminal.wait("whole words", |terminal| joined(&terminal.text()).contains("double quotes"));
            terminal.press("\x15\r");
            terminal.wait("the footer", |terminal| terminal.text().contains("q quit"));
        }
    }
    terminal.quit();
}

#[test]
fn errors_break_between_words() {
    for arguments in [
        &["report", FLASH_SALE, "-f", "speed>5"][..],
        &["report", FLASH_SALE, "-g", "x:2"],
        &["report", "/nonexistent/with/a/name/that/is/long/enough/to/be/broken/sale.ndjson"],
        &["dump", "--format", "xml"],
        &["--pid", "1", "report", FLASH_SALE],
    ] {
        let piped = run(arguments).err;
        assert_eq!(piped.lines().count(), 1, "{piped}");
        let mut terminal = Terminal::run(arguments);
        let code = terminal.exit_code();
        assert!(code == 1 || code == 2, "{code}");
        terminal.wait("all of it", |terminal| joined(&terminal.text()) == joined(&piped));
        let text = terminal.text();
        assert!(text.lines().skip(1).all(|line| line.starts_with("  ") || line.is_empty()), "{text}");
    }
}
