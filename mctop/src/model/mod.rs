//! The pure part: folds intervals into totals and windows, ranks keys, and makes snapshots. No I/O; the time is passed in.

pub mod column;
pub mod condition;
pub mod cost;
pub mod counts;
pub mod diff;
pub mod estimate;
pub mod filter;
pub mod fold;
pub mod group;
pub mod header;
pub mod hints;
pub mod history;
pub mod interval;
pub mod key;
pub mod key_detail;
pub mod key_sample;
pub mod loss;
pub mod outcomes;
pub mod pattern;
pub mod probe_point;
pub mod ranking;
pub mod rows;
pub mod schema;
pub mod sketch;
pub mod snapshot;
pub mod span;
pub mod timeline;

#[cfg(test)]
pub(crate) mod sample;
