//! Capture files: an observation, interval by interval, as newline-delimited JSON.
//!
//! The first line is a header, then one line an interval, then a footer that says how it ended. A file without a footer
//! was cut off; everything before the cut is good.

mod change;
mod format;
mod ledger;
pub mod reader;
pub mod writer;

#[cfg(test)]
mod tests;

/// Name and version of the format, in the header.
pub const SCHEMA: &str = "mctop.capture/1";
