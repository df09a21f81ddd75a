//! The slices of the history: one for each interval of the sliding window, and coarser ones before it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::packed::{Packer, Slice, SliceRecord, SliceRecords};
use super::{COARSE, HISTORY, WINDOW};
use crate::model::counts::Counts;

/// Slices in the order of time, within a limit of bytes.
#[derive(Debug)]
pub(crate) struct SliceRing {
    /// The oldest slices, each about [`COARSE`] long.
    coarse: VecDeque<Arc<Slice>>,
    /// Slices that have left the window and do not yet fill a coarse slice.
    leaving: VecDeque<Arc<Slice>>,
    /// The sliding window.
    window: VecDeque<Arc<Slice>>,
    bytes: usize,
    limit: usize,
}

impl SliceRing {
    /// An empty ring of at most `limit` bytes. The newest interval is kept even if it exceeds the limit.
    pub(crate) fn new(limit: usize) -> Self {
        Self { coarse: VecDeque::new(), leaving: VecDeque::new(), window: VecDeque::new(), bytes: 0, limit }
    }

    /// Bytes of memory used.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Start of the window.
    pub(crate) fn window_start(&self) -> Option<Duration> {
        self.window.front().map(|slice| slice.start)
    }

    /// All slices, oldest first.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &Arc<Slice>> {
        self.coarse.iter().chain(&self.leaving).chain(&self.window)
    }

    /// Adds the newest interval and returns the slices that have left the window. `added_in` returns for a slot the interval in
    /// which its key was added.
    pub(crate) fn push(&mut self, slice: Slice, added_in: impl Fn(u32) -> u32) -> Vec<Arc<Slice>> {
        let end = slice.end;
        self.bytes += slice.bytes();
        self.window.push_back(Arc::new(slice));
        let mut left = Vec::new();
        while self.window.len() > 1
            && self.window.front().is_some_and(|oldest| end.saturating_sub(oldest.start) > WINDOW)
            && let Some(oldest) = self.window.pop_front()
        {
            self.leaving.push_back(Arc::clone(&oldest));
            left.push(oldest);
            if self.leaving.front().is_some_and(|first| span(first, &self.leaving) >= COARSE) {
                self.merge(&added_in);
            }
        }
        while self.coarse.front().is_some_and(|oldest| end.saturating_sub(oldest.start) > HISTORY) {
            self.bytes -= self.coarse.pop_front().map_or(0, |slice| slice.bytes());
        }
        while self.bytes > self.limit {
            let oldest = match self.coarse.pop_front().or_else(|| self.leaving.pop_front()) {
                Some(oldest) => oldest,
                None if self.window.len() > 1 => match self.window.pop_front() {
                    Some(oldest) => {
                        left.push(Arc::clone(&oldest));
                        oldest
                    }
                    None => break,
                },
                None => break,
            };
            self.bytes -= oldest.bytes();
        }
        left
    }

    /// Merges the slices that have left the window into a coarse one, without the keys that have been evicted since.
    fn merge(&mut self, added_in: &impl Fn(u32) -> u32) {
        let (Some(first), Some(last)) = (self.leaving.front(), self.leaving.back()) else { return };
        let mut total = Counts::default();
        for slice in &self.leaving {
            total += &slice.total;
        }
        let mut packer = Packer::default();
        let mut sources: Vec<MergeSource<'_>> = self.leaving.iter().map(|slice| MergeSource::new(slice)).collect();
        while let Some(slot) = sources.iter().filter_map(|source| source.head.map(|(slot, _)| slot)).min() {
            let mut sum = SliceRecord::default();
            let mut is_tracked = false;
            for source in &mut sources {
                if let Some((_, sample)) = source.head.filter(|(at, _)| *at == slot) {
                    source.head = source.records.next();
                    if added_in(slot) <= source.number {
                        sum.counts += &sample.counts;
                        sum.size = sample.size.or(sum.size);
                        is_tracked = true;
                    }
                }
            }
            if is_tracked {
                packer.push(slot, &sum);
            }
        }
        let merged = packer.finish((first.first, last.last), (first.start, last.end), total);
        self.bytes -= self.leaving.drain(..).map(|slice| slice.bytes()).sum::<usize>();
        self.bytes += merged.bytes();
        self.coarse.push_back(Arc::new(merged));
    }
}

fn span(first: &Slice, leaving: &VecDeque<Arc<Slice>>) -> Duration {
    leaving.back().map_or(Duration::ZERO, |last| last.end.saturating_sub(first.start))
}

/// One of the slices being merged.
struct MergeSource<'a> {
    number: u32,
    head: Option<(u32, SliceRecord)>,
    records: SliceRecords<'a>,
}

impl<'a> MergeSource<'a> {
    fn new(slice: &'a Slice) -> Self {
        let mut records = slice.records();
        Self { number: slice.first, head: records.next(), records }
    }
}
