//! Documents for people: headings, paragraphs, lists, tables and charts, written as text, Markdown or HTML.
//!
//! Quoted keys and file names are marked as such when a document is made, so that each format can escape them.

mod chart;
mod html;
mod markdown;
mod markup;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use chart::{Chart, ChartLine};

/// A document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// The title.
    pub title: Words,
    /// The contents, in order.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Starts a section.
    Heading(String),
    /// A paragraph.
    Paragraph(Words),
    /// Items, one per line.
    List(Vec<Words>),
    /// A table.
    Table(DocumentTable),
    /// A chart, for formats that have charts.
    Chart(Chart),
    /// A table for formats that have no charts.
    InsteadOfCharts(DocumentTable),
}

/// Text with marked quotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(Vec<Word>);

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Text written by mctop.
    Own(String),
    /// A quotation, such as a key: already escaped for a terminal.
    Quoted(String),
}

impl Words {
    /// Text written by mctop.
    pub(crate) fn own(text: impl Into<String>) -> Self {
        Self(vec![Word::Own(text.into())])
    }

    /// A quotation.
    pub(crate) fn quoted(text: impl Into<String>) -> Self {
        Self(vec![Word::Quoted(text.into())])
    }

    /// Appends text written by mctop.
    pub(crate) fn then(mut self, text: impl Into<String>) -> Self {
        self.0.push(Word::Own(text.into()));
        self
    }

    /// Appends a quotation.
    pub(crate) fn then_quoted(mut self, text: impl Into<String>) -> Self {
        self.0.push(Word::Quoted(text.into()));
        self
    }

    /// The text without marks.
    pub(crate) fn plain(&self) -> String {
        self.0.iter().map(|(Word::Own(text) | Word::Quoted(text))| text.as_str()).collect()
    }

    fn parts(&self) -> &[Word] {
        &self.0
    }
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DocumentTable {
    /// The columns.
    pub columns: Vec<TableColumn>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<Words>>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableColumn {
    /// The header.
    pub header: &'static str,
    /// Whether it holds figures, which are aligned right.
    pub figures: bool,
}

impl TableColumn {
    /// A column of text.
    pub(crate) const fn text(header: &'static str) -> Self {
        Self { header, figures: false }
    }

    /// A column of figures.
    pub(crate) const fn figures(header: &'static str) -> Self {
        Self { header, figures: true }
    }
}

/// The format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DocumentFormat {
    /// Plain text.
    Text,
    /// GitHub Flavored Markdown.
    Markdown,
    /// A self-contained HTML file.
    Html,
}

impl Document {
    /// Writes the document in a format.
    pub(crate) fn render(&self, format: DocumentFormat) -> String {
        match format {
            DocumentFormat::Text => text::render(self),
            DocumentFormat::Markdown => markdown::render(self),
            DocumentFormat::Html => html::render(self),
        }
    }
}
