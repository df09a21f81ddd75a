//! The report of the benchmark: data, tables and goals.

mod markdown;
mod meaning;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::BenchPart;
use super::series::spread;
pub use markdown::markdown;

/// Name and version of the schema of the JSON document.
pub const SCHEMA: &str = "mctop.benchmarks/1";

/// The whole report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BenchReport {
    /// [`SCHEMA`].
    pub schema: String,
    /// The machine.
    pub machine: BenchMachine,
    /// What was measured, in the order of the document.
    pub sections: Vec<BenchSection>,
}

/// The machine that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchMachine {
    /// Processor and number of cores.
    pub processor: String,
    /// Distribution.
    pub system: String,
    /// Kernel release.
    pub kernel: String,
    /// Memory in bytes.
    pub memory: u64,
    /// Versions of the programs involved.
    pub versions: Vec<String>,
}

/// One sub-benchmark.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BenchSection {
    /// Its name on the command line.
    pub name: String,
    /// Heading.
    pub title: String,
    /// Day, in UTC: YYYY-MM-DD.
    pub date: String,
    /// The commit it was run on, with `-dirty` when files differed from it; empty in reports older than this field.
    #[serde(default)]
    pub commit: String,
    /// Load average over one minute at the start: whether the machine was quiet.
    pub load: f64,
    /// How it was measured.
    pub method: String,
    /// Tables of the document.
    pub tables: Vec<BenchTable>,
    /// Goals, with the figures reached.
    pub goals: Vec<Goal>,
    /// What could not be measured here, and why.
    pub unavailable: Vec<String>,
    /// Remarks on the figures.
    pub notes: Vec<String>,
    /// The figures of all rounds.
    pub data: Value,
}

impl BenchSection {
    /// An empty section.
    pub fn new(part: BenchPart, title: &str, method: &str) -> Self {
        Self { name: part.name().into(), title: title.into(), method: method.into(), ..Self::default() }
    }
}

/// A table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BenchTable {
    /// What it shows.
    pub title: String,
    /// Column headings.
    pub head: Vec<String>,
    /// Cells.
    pub rows: Vec<Vec<String>>,
}

/// A figure to reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Name of the figure.
    pub what: String,
    /// The bound.
    pub bound: Bound,
    /// The measured figure; `None` if it could not be measured.
    pub figure: Option<f64>,
    /// Unit of bound and figure.
    pub unit: String,
}

/// A limit and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

impl Goal {
    /// A goal and what was measured.
    pub fn new(what: impl Into<String>, bound: Bound, figure: Option<f64>, unit: &str) -> Self {
        Self { what: what.into(), bound, figure, unit: unit.into() }
    }

    /// Whether it is reached; `None` if it could not be measured.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        self.figure.map(|figure| match self.bound {
            Bound::AtMost(limit) => figure <= limit,
            Bound::AtLeast(limit) => figure >= limit,
        })
    }
}

/// Adds older sections of the same machine that were not measured again.
#[must_use]
pub fn merged(new: BenchReport, old: Option<BenchReport>, order: &[&str]) -> BenchReport {
    let mut report = new;
    // Figures of different machines cannot be compared.
    let older = old.filter(|old| old.schema == report.schema && old.machine == report.machine);
    for section in older.into_iter().flat_map(|old| old.sections) {
        if report.sections.iter().all(|known| known.name != section.name) {
            report.sections.push(section);
        }
    }
    report.sections.sort_by_key(|section| order.iter().position(|name| *name == section.name));
    report
}

/// The median of some figures with their range, or a dash when there are none.
#[must_use]
pub fn spread_text(figures: &[f64]) -> String {
    spread(figures).map_or_else(
        || "-".into(),
        |spread| format!("{} ({}–{})", figure(spread.median), figure(spread.min), figure(spread.max)),
    )
}

/// A number of bytes in MiB.
#[must_use]
pub fn mib(bytes: u64) -> String {
    format!("{} MiB", figure(bytes as f64 / f64::from(1 << 20)))
}

/// A figure with three significant digits.
#[must_use]
pub fn figure(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 1.0 || small == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match rest {
        Some(rest) => format!("{sign}{grouped}.{rest}"),
        None => format!("{sign}{grouped}"),
    }
}

#[cfg(test)]
mod tests;
