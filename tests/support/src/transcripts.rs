//! Transcripts in the pages of docs/: the text after a command is what that command prints.
//!
//! A transcript starts with `<!-- transcript -->`, followed by a code block fenced by four backticks whose first line is `$` and the
//! command. `UPDATE_DOCS=1 cargo test -p mctop transcript` writes the output into the pages.

const BEGIN: &str = "<!-- transcript -->\n````\n$ ";
const END: &str = "\n````\n";

/// Compares the transcripts of a page of docs/ with what `run` returns for their commands, or writes that into the page.
pub fn check(page: &str, run: impl Fn(&str) -> String) {
    let path = crate::workspace("docs").join(page);
    let written = std::fs::read_to_string(&path).unwrap();
    let mut current = String::new();
    let mut rest = written.as_str();
    let mut found = 0;
    while let Some((before, transcript)) = rest.split_once(BEGIN) {
        let (transcript, after) = transcript.split_once(END).unwrap();
        let command = transcript.lines().next().unwrap();
        current += &format!("{before}{BEGIN}{command}\n{}{END}", run(command).trim_end());
        rest = after;
        found += 1;
    }
    current += rest;
    assert!(found > 0, "docs/{page} has no transcripts");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, current).unwrap();
        return;
    }
    for (is, should) in written.lines().zip(current.lines()) {
        assert_eq!(is, should, "docs/{page} is out of date: run UPDATE_DOCS=1 cargo test -p mctop transcript");
    }
    assert_eq!(written.lines().count(), current.lines().count(), "docs/{page} is out of date");
}
