//! The pure part: folds intervals into windows and totals, ranks, and makes snapshots. No I/O; time is passed in.

pub mod column;
pub mod condition;
pub mod cost;
pub mod counts;
pub mod diff;
pub mod estimate;
pub mod filter;
pub mod focus;
pub mod fold;
pub mod group;
pub mod hints;
pub mod history;
pub mod interval;
pub mod key;
pub mod loss;
pub mod outcomes;
pub mod pattern;
pub mod ranking;
pub mod rows;
pub mod sighting;
pub mod sketch;
pub mod snapshot;
pub mod span;
pub mod timeline;
