//! Capture files: an observation, interval by interval, as newline-delimited JSON, plain or compressed by zstd.
//!
//! A header line is followed by one line per interval and a footer that says how the capture ended. A file without a footer
//! was cut off; everything before the cut is valid. `docs/capture-format.md` specifies the format.

mod change;
mod destination;
mod document;
mod encoding;
mod entry;
pub(crate) mod format;
mod input;
mod interval_sums;
mod quote;
pub(crate) mod reader;
pub(crate) mod recorder;
pub(crate) mod replay;
pub(crate) mod ring;
pub(crate) mod rotation;
mod server_state;
mod top_keys;
pub(crate) mod writer;

pub(crate) use destination::is_standard_output;

#[cfg(test)]
mod tests;

/// Name and version of the format, in the header.
pub(crate) const SCHEMA: &str = "mctop.capture/1";
/// Common prefix of the schema names of all versions.
const SCHEMA_FAMILY: &str = "mctop.capture/";

/// Longest line that is written or accepted, bytes: enough for [`KEYS_MAX`] keys of typical length. It limits the memory that
/// a hostile file can make a reader use.
pub(crate) const LINE_MAX: usize = 128 << 20;
/// Maximum number of keys in an interval, written or accepted. Each uses about 200 bytes of memory.
pub const KEYS_MAX: usize = 1 << 20;
/// Maximum number of servers in a capture.
const TARGETS_MAX: usize = 4_096;
/// Maximum number of server changes in a capture.
const CHANGES_MAX: usize = 65_536;
/// Maximum number of bytes that describe one server.
const TARGET_BYTES_MAX: usize = 64 << 10;
