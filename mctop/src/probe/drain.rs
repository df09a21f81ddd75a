//! The table of an epoch as key samples, which are read where the kernel side counted them.

use std::ops::AddAssign;

use mctop_common::records::KernelCounts;

use super::clock;
use super::names::KeyNames;
use super::table::{Counted, EpochTable, bucket_of};
use crate::model::counts::Counts;
use crate::model::key_sample::{KeySample, KeySamples, Retention, SampleKey};
use crate::model::outcomes::Outcomes;
use crate::yielder::Yielder;

/// The table of an epoch while it is drained. [`Self::finish`] leaves it empty.
pub(super) struct Drain<'a> {
    table: &'a mut EpochTable,
    names: &'a mut KeyNames,
    epoch: u32,
    /// Each server's own clock (`memcached`'s `current_time`), if it can be read.
    nows: &'a [Option<u32>],
    /// Slots that are not cleared yet, because their samples may be requested again.
    kept: Vec<u32>,
    yielder: Yielder,
    /// Everything that was counted.
    pub total: Sum,
    /// The part of it that has no slot or no name.
    pub untracked: Sum,
}

/// Operations, and what happened to items.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    /// Operations and bytes.
    pub counts: Counts,
    /// What happened to items.
    pub outcomes: Outcomes,
}

impl AddAssign<&Self> for Sum {
    fn add_assign(&mut self, other: &Self) {
        self.counts += &other.counts;
        if other.outcomes.any() {
            self.outcomes += &other.outcomes;
        }
    }
}

impl From<&KernelCounts> for Sum {
    fn from(counts: &KernelCounts) -> Self {
        Self { counts: Counts::from_kernel(counts), outcomes: Outcomes::from_kernel(counts) }
    }
}

impl<'a> Drain<'a> {
    /// Starts to drain a table that the kernel side does not write to.
    pub(super) fn new(
        table: &'a mut EpochTable,
        names: &'a mut KeyNames,
        epoch: u32,
        nows: &'a [Option<u32>],
        yielder: Yielder,
    ) -> Self {
        let (total, untracked) = Default::default();
        Self { table, names, epoch, nows, kept: Vec::new(), yielder, total, untracked }
    }

    /// Clears the slots that were kept, and frees the names that are in neither this nor the `active` table.
    pub(super) fn finish(mut self, active: &EpochTable) {
        for place in self.kept {
            self.table.clear(place);
        }
        self.names.make_room(self.epoch, &mut self.yielder, |hash| active.holds(hash));
    }
}

impl KeySamples for Drain<'_> {
    fn capacity(&self) -> usize {
        self.table.slots()
    }

    fn for_each(&mut self, each: &mut dyn FnMut(&KeySample<'_>) -> Retention) {
        let Self { table, names, epoch, nows, kept, yielder, total, untracked } = self;
        table.drain(yielder, |counted, place, counts| {
            let sum = Sum::from(counts);
            *total += &sum;
            let Counted::Key(hash) = counted else {
                *untracked += &sum;
                return true;
            };
            names.prefetch(bucket_of(place));
            let Some((name, target)) = names.use_name(hash, sum.counts.calls(), *epoch) else {
                *untracked += &sum;
                return true;
            };
            let read = || names.read(name).1;
            let retention = each(&sample(place, target, SampleKey::Unread(&read), counts, &sum, nows));
            if retention == Retention::Keep {
                kept.push(place);
            }
            retention == Retention::Release
        });
    }

    fn with_kept(&self, place: u32, with: &mut dyn FnMut(&KeySample<'_>)) {
        if let Some(counts) = self.table.at(place)
            && let Some((target, key)) = self.names.name(counts.stats.hash)
        {
            with(&sample(place, target, SampleKey::Known(&key), &counts, &Sum::from(&counts), self.nows));
        }
    }
}

fn sample<'a>(
    place: u32,
    target: u32,
    key: SampleKey<'a>,
    counts: &KernelCounts,
    sum: &Sum,
    nows: &[Option<u32>],
) -> KeySample<'a> {
    let stats = &counts.stats;
    let size = stats.size_plus_1.checked_sub(1);
    let now = nows.get(target as usize).copied().flatten();
    let ttl = size.map_or_else(Default::default, |_| clock::ttl(stats.exptime, now));
    let Sum { counts, outcomes } = *sum;
    KeySample { handle: place, hash: stats.hash, key, target, counts, size, ttl, outcomes }
}
