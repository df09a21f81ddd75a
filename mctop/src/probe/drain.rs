//! One epoch's table and the names of its keys, as samples: what was counted is handed on from where the kernel side counted
//! it.

use std::ops::AddAssign;

use mctop_common::records::KernelCounts;

use super::clock;
use super::names::{KeyNames, NameSlot};
use super::table::{Counted, EpochTable, bucket_of};
use crate::model::counts::Counts;
use crate::model::interval::Record;
use crate::model::key::Key;
use crate::model::key_sample::{KeySample, KeySamples, Retention};
use crate::model::outcomes::Outcomes;
use crate::yielder::Yielder;

/// An epoch's table being drained. The table is empty once this is finished.
pub(super) struct Drain<'a> {
    table: &'a mut EpochTable,
    names: &'a mut KeyNames,
    epoch: u32,
    /// Each server's own clock.
    nows: &'a [Option<u32>],
    /// Whose slots are not emptied yet.
    kept: Vec<u32>,
    yielder: Yielder,
    /// Everything.
    pub total: Sum,
    /// What of it is without a slot or a name.
    pub untracked: Sum,
}

/// Operations, and what became of items.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    /// Operations and bytes.
    pub counts: Counts,
    /// Storage commands that stored nothing, and evictions.
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
    /// Of a table at rest.
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

    /// Everything as records, in the order of the table.
    pub(super) fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        self.each(|sample, names, name| {
            let KeySample { target, counts, size, ttl, outcomes, .. } = *sample;
            records.push(Record { key: names.read(name).1, target, counts, size, ttl, outcomes });
            Retention::Release
        });
        records
    }

    /// Empties what is left, and makes room for names; `active` is the table of the epoch under way.
    pub(super) fn finish(mut self, active: &EpochTable) {
        for place in self.kept {
            self.table.clear(place);
        }
        self.names.make_room(self.epoch, &mut self.yielder, |hash| active.holds(hash));
    }

    fn each(&mut self, mut each: impl FnMut(&KeySample<'_>, &KeyNames, NameSlot) -> Retention) {
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
            let retention = each(&sample(place, target, counts, &sum, nows), names, name);
            if retention == Retention::Keep {
                kept.push(place);
            }
            retention == Retention::Release
        });
    }
}

impl KeySamples for Drain<'_> {
    fn capacity(&self) -> usize {
        self.table.slots()
    }

    fn for_each(&mut self, each: &mut dyn FnMut(&KeySample<'_>) -> Retention) {
        self.each(|sample, _, _| each(sample));
    }

    fn get(&self, place: u32) -> Option<(KeySample<'_>, Key)> {
        let counts = self.table.at(place)?;
        let (target, key) = self.names.name(counts.stats.hash)?;
        Some((sample(place, target, &counts, &Sum::from(&counts), self.nows), key))
    }
}

fn sample(place: u32, target: u32, counts: &KernelCounts, sum: &Sum, nows: &[Option<u32>]) -> KeySample<'static> {
    let stats = &counts.stats;
    let size = stats.size_plus_1.checked_sub(1);
    let now = nows.get(target as usize).copied().flatten();
    let ttl = size.map_or_else(Default::default, |_| clock::ttl(stats.exptime, now));
    let Sum { counts, outcomes } = *sum;
    KeySample { handle: place, hash: stats.hash, key: None, target, counts, size, ttl, outcomes }
}
