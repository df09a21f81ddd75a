//! Lines of text: marked items with aligned labels, wrapped to a width.

use crate::text::fit::{pad, shown_text, width, wrap};
use crate::text::glyphs::Glyphs;

/// Cells of the longest label of a field.
const LABEL: usize = 13;
/// Fewest cells of text beside a label.
const ROOM_MIN: usize = 20;

/// How a fact is to be taken. The words beside it say the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// Tracing fails for it.
    Bad,
    /// To be aware of.
    Aware,
    /// Not known, or of no consequence.
    Plain,
}

/// A page being written.
pub(super) struct Page<'a> {
    form: Form<'a>,
    lines: Vec<String>,
}

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form<'a> {
    /// Its characters.
    pub glyphs: &'a Glyphs,
    /// Cells of the longest line.
    pub width: usize,
    /// Whether what proves each probe point is listed.
    pub verbose: bool,
}

impl<'a> Page<'a> {
    /// An empty page.
    pub(super) const fn new(form: Form<'a>) -> Self {
        Self { form, lines: Vec::new() }
    }

    /// Whether what proves each probe point is listed.
    pub(super) const fn is_verbose(&self) -> bool {
        self.form.verbose
    }

    /// The lines written.
    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// An empty line.
    pub(super) fn gap(&mut self) {
        self.lines.push(String::new());
    }

    /// A heading with an empty line before it.
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

    /// A marked fact with its label of at most `room` cells.
    pub(super) fn fact(&mut self, mark: Mark, label: &str, room: usize, text: &str) {
        let lead = format!("  {} {} ", self.symbol(mark), pad(label, room, true));
        self.hang(&lead, text);
    }

    /// A labelled text below an item.
    pub(super) fn field(&mut self, label: &str, text: &str) {
        let lead = format!("    {} ", pad(label, LABEL, true));
        self.hang(&lead, text);
    }

    /// A text below a field, behind a dash.
    pub(super) fn point(&mut self, text: &str) {
        let lead = format!("    {} - ", " ".repeat(LABEL));
        self.hang(&lead, text);
    }

    /// Text that may quote what comes from outside, as it may be shown.
    fn harmless(&self, text: &str) -> String {
        let text = text.replace('…', self.form.glyphs.ellipsis);
        let text = if self.form.glyphs.unicode { text } else { text.replace('µ', "u") };
        shown_text(&text, self.form.glyphs)
    }

    fn hang(&mut self, lead: &str, text: &str) {
        let indent = width(lead);
        let room = self.form.width.saturating_sub(indent).max(ROOM_MIN);
        for (index, line) in wrap(&self.harmless(text), room).into_iter().enumerate() {
            let lead = if index == 0 { lead.to_owned() } else { " ".repeat(indent) };
            self.lines.push(format!("{lead}{line}").trim_end().to_owned());
        }
    }

    fn symbol(&self, mark: Mark) -> &'static str {
        match (mark, self.form.glyphs.unicode) {
            (Mark::Good, true) => "✓",
            (Mark::Bad, true) => "✗",
            (Mark::Good, false) => "+",
            (Mark::Bad, false) => "x",
            (Mark::Aware, _) => "!",
            (Mark::Plain, _) => " ",
        }
    }
}
