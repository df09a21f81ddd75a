//! Documents for people: headings, sentences, lists, tables and charts, written as text, Markdown or HTML.
//!
//! What a document quotes, of keys and files, is marked as such where it enters, so that each format can make it harmless.

mod chart;
mod html;
mod markdown;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use chart::{Chart, Line};

/// A document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// What it is, in a few words.
    pub title: Words,
    /// What it says, in order.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Begins a section.
    Heading(String),
    /// A paragraph.
    Paragraph(Words),
    /// Statements, one a line.
    List(Vec<Words>),
    /// A table.
    Table(Table),
    /// A chart, with the same as a table for formats that have no charts.
    Chart(Chart),
    /// A table for formats that have no charts.
    InsteadOfCharts(Table),
}

/// Text in which quotations are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(Vec<Word>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// This program's own words.
    Own(String),
    /// A quotation, such as a key: already escaped for a terminal.
    Quoted(String),
}

impl Words {
    /// Own words.
    #[must_use]
    pub(crate) fn own(text: impl Into<String>) -> Self {
        Self(vec![Word::Own(text.into())])
    }

    /// A quotation.
    #[must_use]
    pub(crate) fn quoted(text: impl Into<String>) -> Self {
        Self(vec![Word::Quoted(text.into())])
    }

    /// These words, then own ones.
    #[must_use]
    pub(crate) fn then(mut self, text: impl Into<String>) -> Self {
        self.0.push(Word::Own(text.into()));
        self
    }

    /// These words, then a quotation.
    #[must_use]
    pub(crate) fn then_quoted(mut self, text: impl Into<String>) -> Self {
        self.0.push(Word::Quoted(text.into()));
        self
    }

    /// As plain text.
    #[must_use]
    pub(crate) fn plain(&self) -> String {
        self.0.iter().map(|(Word::Own(text) | Word::Quoted(text))| text.as_str()).collect()
    }

    fn parts(&self) -> &[Word] {
        &self.0
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Vec<Words>>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its header.
    pub header: &'static str,
    /// Whether it holds figures, which stand on the right.
    pub figures: bool,
}

impl Column {
    /// A column of text.
    #[must_use]
    pub(crate) const fn text(header: &'static str) -> Self {
        Self { header, figures: false }
    }

    /// A column of figures.
    #[must_use]
    pub(crate) const fn figures(header: &'static str) -> Self {
        Self { header, figures: true }
    }
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// For a terminal or a plain text file.
    Text,
    /// GitHub's Markdown, which tickets understand.
    Markdown,
    /// One HTML file that needs nothing else.
    Html,
}

impl Document {
    /// As text of a medium.
    #[must_use]
    pub(crate) fn render(&self, medium: Medium) -> String {
        match medium {
            Medium::Text => text::render(self),
            Medium::Markdown => markdown::render(self),
            Medium::Html => html::render(self),
        }
    }
}
