//! The pure part: folds intervals into totals and windows, ranks keys, and makes snapshots. No I/O; the time is passed in.

pub(crate) mod capture_meta;
pub(crate) mod column;
pub(crate) mod condition;
pub(crate) mod cost;
mod counters;
pub(crate) mod counts;
pub(crate) mod diff;
pub(crate) mod estimate;
pub(crate) mod filter;
pub(crate) mod fold;
pub(crate) mod group;
pub(crate) mod header;
pub(crate) mod hints;
pub(crate) mod history;
pub(crate) mod interval;
pub(crate) mod key;
pub(crate) mod key_detail;
pub(crate) mod key_sample;
pub(crate) mod loss;
pub(crate) mod outcomes;
pub(crate) mod pattern;
pub(crate) mod probe_point;
pub(crate) mod ranking;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod servers;
pub(crate) mod sketch;
pub(crate) mod snapshot;
pub(crate) mod span;
pub(crate) mod timeline;

#[cfg(test)]
pub(crate) mod sample;
