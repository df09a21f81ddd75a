//! The source of intervals: probes on running servers, or a capture.

use crate::model::header::Header;
use crate::model::interval::Interval;
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;
use crate::model::key_sample::SampleCounter;

/// Yields intervals one after another.
pub trait Source {
    /// What is known before the first interval.
    fn header(&self) -> &Header;

    /// Ends the current interval and returns it, or returns the next recorded one; `None` when there are no more.
    ///
    /// # Errors
    /// When the probes, the kernel or the file fail.
    fn next(&mut self) -> anyhow::Result<Option<Interval>>;

    /// A faster [`Self::next`] for callers that only count keys. A source that can count without making records passes its
    /// keys to `counter` and returns an interval without records.
    ///
    /// # Errors
    /// As for [`Self::next`].
    fn next_counted(&mut self, _counter: &mut dyn SampleCounter) -> anyhow::Result<Option<Interval>> {
        self.next()
    }

    /// Observes one key of a server (target index and key) in detail from now on, or no key. Sources that cannot, such as
    /// captures, ignore this.
    ///
    /// # Errors
    /// When the probes that this needs cannot be attached.
    fn watch_key(&mut self, _key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        Ok(())
    }

    /// Details of the watched key, up to the last interval.
    fn key_detail(&self) -> Option<&KeyDetail> {
        None
    }
}
