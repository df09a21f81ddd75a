//! Where intervals come from: probes on running servers, or a capture being replayed.

use jiff::Timestamp;

use crate::model::focus::Focus;
use crate::model::interval::Interval;
use crate::model::key::Key;
use crate::model::sighting::Counter;
use crate::model::snapshot::{Origin, TargetInfo};

/// What is known of an observation before its first interval. The default is of no server, on a host without a name, at the
/// Unix epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// Live or recorded.
    pub origin: Origin,
    /// Name of the host measured.
    pub host: String,
    /// Its kernel release.
    pub kernel: String,
    /// When the observation began.
    pub started_at: Timestamp,
    /// Servers watched.
    pub targets: Vec<TargetInfo>,
    /// What of the keys was replaced and how, in a sentence; none where keys are as they were.
    pub redaction: Option<String>,
}

/// A sequence of intervals.
pub trait Source {
    /// What is known beforehand.
    fn header(&self) -> &Header;

    /// Ends the interval under way and returns it, or the next recorded one; `None` when there are no more.
    ///
    /// # Errors
    /// When the probes, the kernel or the file fail.
    fn next(&mut self) -> anyhow::Result<Option<Interval>>;

    /// As [`Self::next`], for whoever folds intervals and wants nothing else of their keys: a source that has them at hand
    /// without making records gives them to `counter` first, and returns an interval without records.
    ///
    /// # Errors
    /// As there.
    fn next_counted(&mut self, _counter: &mut dyn Counter) -> anyhow::Result<Option<Interval>> {
        self.next()
    }

    /// Looks at a key of a server closely from now on, or at none. Whoever cannot, a capture, does nothing.
    ///
    /// # Errors
    /// When the probes it takes cannot be attached.
    fn look_at(&mut self, _key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        Ok(())
    }

    /// What was seen of the key that is looked at, up to the last interval.
    fn focus(&self) -> Option<&Focus> {
        None
    }
}
