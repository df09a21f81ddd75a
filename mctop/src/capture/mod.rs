//! Capture files: an observation, interval by interval, as newline-delimited JSON, plain or compressed by zstd.
//!
//! The first line is a header, then one line an interval, then a footer that says how it ended. A file without a footer
//! was cut off; everything before the cut is good. `docs/capture-format.md` is the contract.

mod change;
mod circumstances;
mod destination;
mod document;
mod encoding;
mod entry;
pub mod format;
mod input;
mod ledger;
mod others;
mod part;
pub mod reader;
pub mod recorder;
pub mod replay;
pub mod ring;
pub mod rotation;
mod scan;
pub mod writer;

pub use destination::is_standard_output;

#[cfg(test)]
mod tests;

/// Name and version of the format, in the header.
pub const SCHEMA: &str = "mctop.capture/1";
/// What names of schemas begin with, whatever their version.
const SCHEMA_FAMILY: &str = "mctop.capture/";

/// Longest line written or accepted, bytes: an interval of [`KEYS_MAX`] keys of a usual length. It bounds the memory that
/// a hostile file makes a reader take.
pub const LINE_MAX: usize = 128 << 20;
/// Most keys of an interval, written or accepted; about 200 bytes of memory each.
pub const KEYS_MAX: usize = 1 << 20;
/// Most servers that a capture names.
const TARGETS_MAX: usize = 4_096;
/// Most servers that come and go in a capture.
const CHANGES_MAX: usize = 65_536;
/// Most bytes that a capture says of one server.
const TARGET_BYTES_MAX: usize = 64 << 10;
