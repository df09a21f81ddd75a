//! A page of text: marked items with aligned labels, wrapped to a width.

use crate::text::fit::{pad, shown_text, width, wrap};
use crate::text::glyphs::Glyphs;

/// Width of a field's label in cells.
const LABEL: usize = 13;
/// Minimum width of the text beside a label in cells.
const ROOM_MIN: usize = 20;

/// The meaning of a fact. The text beside the mark expresses it, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// As required.
    Ok,
    /// Tracing fails because of it.
    Bad,
    /// A warning.
    Warning,
    /// Unknown or irrelevant.
    Plain,
}

/// A page that is being written.
pub(super) struct Page<'a> {
    options: PageOptions<'a>,
    lines: Vec<String>,
}

/// How a page is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageOptions<'a> {
    /// Symbols.
    pub glyphs: &'a Glyphs,
    /// Maximum width of a line in cells.
    pub width: usize,
    /// Whether to list the proofs of each probe point.
    pub verbose: bool,
}

impl<'a> Page<'a> {
    /// An empty page.
    pub(super) const fn new(options: PageOptions<'a>) -> Self {
        Self { options, lines: Vec::new() }
    }

    /// Whether to list the proofs of each probe point.
    pub(super) const fn is_verbose(&self) -> bool {
        self.options.verbose
    }

    /// The lines written.
    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.lines.push(String::new());
    }

    /// A heading after an empty line.
    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        self.lines.push(text.to_owned());
    }

    /// A paragraph at the margin.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.hang("", text);
    }

    /// A marked sentence.
    pub(super) fn item(&mut self, mark: Mark, text: &str) {
        let lead = format!("  {} ", self.symbol(mark));
        self.hang(&lead, text);
    }

    /// A marked fact with a label of at most `room` cells.
    pub(super) fn fact(&mut self, mark: Mark, label: &str, room: usize, text: &str) {
        let lead = format!("  {} {} ", self.symbol(mark), pad(label, room, true));
        self.hang(&lead, text);
    }

    /// A labelled text below an item.
    pub(super) fn field(&mut self, label: &str, text: &str) {
        let lead = format!("    {} ", pad(label, LABEL, true));
        self.hang(&lead, text);
    }

    /// A list item below a field.
    pub(super) fn point(&mut self, text: &str) {
        let lead = format!("    {} - ", " ".repeat(LABEL));
        self.hang(&lead, text);
    }

    fn hang(&mut self, lead: &str, text: &str) {
        let indent = width(lead);
        let PageOptions { glyphs, width, .. } = self.options;
        let text = shown_text(&glyphs.localize(text), glyphs);
        let room = width.saturating_sub(indent).max(ROOM_MIN);
        for (index, line) in wrap(&text, room).into_iter().enumerate() {
            let lead = if index == 0 { lead.to_owned() } else { " ".repeat(indent) };
            self.lines.push(format!("{lead}{line}").trim_end().to_owned());
        }
    }

    fn symbol(&self, mark: Mark) -> &'static str {
        match (mark, self.options.glyphs.unicode) {
            (Mark::Ok, true) => "✓",
            (Mark::Bad, true) => "✗",
            (Mark::Ok, false) => "+",
            (Mark::Bad, false) => "x",
            (Mark::Warning, _) => "!",
            (Mark::Plain, _) => " ",
        }
    }
}
