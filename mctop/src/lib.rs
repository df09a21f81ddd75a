//! `top` for the hot keys of a memcached server, as a library.
//!
//! Data flows in one direction:
//!
//! 1. [`discover`] finds running memcached servers.
//! 2. [`Live::attach`] attaches probes to them. A capture file that is read by a [`Reader`] takes its place where there is
//!    no server. Both are a [`Source`] of [`Interval`]s. What was counted for each key in an interval goes to a
//!    [`SampleConsumer`]; [`Source::next_recorded`] copies it instead.
//! 3. A [`Model`] is the consumer that adds intervals up. It does no input or output and does not look at a clock.
//! 4. [`Model::snapshot`] returns an immutable [`Snapshot`]: the keys with their counts since the start, of the last
//!    interval and of the last minute, and what was lost or left out. A [`View`] filters and sorts its rows. The live table,
//!    the reports and the JSON of `mctop` are made from snapshots only.
//!
//! This prints the key with the most calls in a capture:
//!
//! ```
//! use mctop::{Column, Limits, Model, Reader, Source, Span, View};
//!
//! # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/flash-sale.capture.ndjson"));
//! let mut capture = Reader::open(path)?;
//! let mut model = Model::new(capture.header(), Limits::default());
//! while let Some(interval) = capture.next(&mut model)? {
//!     model.end_interval(&interval);
//! }
//! let snapshot = model.snapshot(false);
//! let hottest = View { sort: Column::Calls, span: Span::Total, limit: Some(1), ..View::default() };
//! for row in hottest.rows(&snapshot) {
//!     println!("{} {}", row.key, row.total.calls());
//! }
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! `examples/hottest_key.rs` does the same for a running server. Attaching probes needs root or the capabilities that
//! `mctop doctor` lists.

#![cfg_attr(not(test), warn(unreachable_pub))]

use std::process::ExitCode;

mod capture;
mod cli;
mod commands;
mod config;
mod doctor;
mod error;
mod kernel;
mod model;
mod parallel;
mod probe;
#[cfg(test)]
mod readme;
mod redact;
mod report;
mod source;
mod target;
mod text;
mod tui;
mod yielder;

pub use capture::reader::Reader;
pub use error::{Failure, FailureKind};
pub use model::capture_meta::Ending;
pub use model::column::Column;
pub use model::counts::Counts;
pub use model::filter::Filter;
pub use model::fold::{Limits, Model};
pub use model::group::Grouping;
pub use model::header::Header;
pub use model::hints::HintKind;
pub use model::interval::{Change, Interval, Record, RecordedInterval};
pub use model::key::Key;
pub use model::key_sample::{KeySample, KeySamples, Retention, SampleConsumer, SampleKey};
pub use model::ranking::View;
pub use model::snapshot::{Level, Loss, Origin, ProbeInfo, Row, Snapshot, TargetInfo, Ttl};
pub use model::span::Span;
pub use probe::budget::Budget;
pub use probe::detail::Detail;
pub use probe::live::{Live, ProbeSettings};
pub use source::Source;
pub use target::discover::{Process, Selection, discover};

/// For the tests and tools of this workspace only; it changes without notice.
#[doc(hidden)]
pub mod internal {
    pub use crate::capture::KEYS_MAX;
    pub use crate::capture::recorder::{Recorder, RecordingPlan};
    pub use crate::capture::replay::{IntervalIndex, Replay};
    pub use crate::capture::ring::RingLimits;
    pub use crate::capture::writer::{Writer, WriterSettings};
    pub use crate::cli::Cli;
    pub use crate::config::Settings;
    pub use crate::kernel::returns;
    pub use crate::model::capture_meta::{CaptureMeta, EndedBy};
    pub use crate::model::column::COLUMNS;
    pub use crate::model::fold::{MIN_MEMORY, model_memory};
    pub use crate::model::key_detail::{KeyDetail, Peer};
    pub use crate::model::outcomes::Outcomes;
    pub use crate::model::probe_point::{FoundBy, ProbeKind, SiteKind};
    pub use crate::probe::attach::Target;
    pub use crate::probe::bench_support;
    pub use crate::report::{Format, Look, write};
    pub use crate::target::discover::Finder;
    pub use crate::target::elf::Machine;
    pub use crate::target::points::{ConnectionSource, Operands, Point, Resolved};
    pub use crate::target::{ResolveOptions, SitePreference, accuracy, load_bias, resolve, resolve_with};
    pub use crate::text::glyphs::UNICODE;
    pub use crate::tui::TuiOptions;
    pub use crate::tui::feed::{Frame, KeyDetailStatus, Playback};
    pub use crate::tui::headless::{HeadlessTable, JobKind};
    pub use crate::tui::theme::{Palette, Theme};
}

/// Parses and runs the command line, and explains any failure in one paragraph on standard error.
#[must_use]
pub fn main() -> ExitCode {
    commands::logging::start();
    match cli::parse().and_then(commands::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::print_message(&error::with_causes(&error));
            ExitCode::from(error::exit_code(&error))
        }
    }
}
