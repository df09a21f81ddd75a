//! The source of intervals: probes on running servers, or a capture.

use crate::model::header::Header;
use crate::model::interval::{Interval, RecordedInterval};
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;
use crate::model::key_sample::SampleConsumer;

/// Yields intervals one after another.
pub trait Source {
    /// What is known before the first interval.
    fn header(&self) -> &Header;

    /// Ends the current interval, or takes the next recorded one: passes what was counted for each key to `consumer`, and
    /// returns what concerns the interval as a whole; `None` when there are no more intervals.
    fn next(&mut self, consumer: &mut dyn SampleConsumer) -> anyhow::Result<Option<Interval>>;

    /// [`Self::next`] with a copy of what was counted for each key, for callers that keep or write it. A source that has such
    /// copies anyway returns them.
    ///
    /// # Errors
    /// As for [`Self::next`].
    fn next_recorded(&mut self) -> anyhow::Result<Option<RecordedInterval>> {
        let mut records = Vec::new();
        Ok(self.next(&mut records)?.map(|interval| interval.with(records)))
    }

    /// Observes one key of a server (target index and key) in detail from now on, or no key. Sources that cannot, such as
    /// captures, ignore this.
    fn watch_key(&mut self, _key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        Ok(())
    }

    /// Details of the watched key, up to the last interval.
    fn key_detail(&self) -> Option<&KeyDetail> {
        None
    }
}
