//! One epoch's table and the names of its keys, as sightings: what was counted is handed on from where the kernel side counted
//! it.

use std::ops::AddAssign;

use mctop_common::records::{RareStats, Stats};

use super::clock;
use super::names::{Names, Place};
use super::table::{Counted, Table, bucket_of};
use crate::model::counts::Counts;
use crate::model::interval::Record;
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::sighting::{Sighting, Sightings, Verdict};
use crate::pauses::Pauses;

/// An epoch's table being drained. The table is empty once this is finished.
pub struct Drain<'a> {
    table: &'a mut Table,
    names: &'a mut Names,
    epoch: u32,
    /// Each server's own clock.
    nows: &'a [Option<u32>],
    /// Whose slots are not emptied yet.
    kept: Vec<u32>,
    pauses: Pauses,
    /// Everything.
    pub total: Sum,
    /// What of it is without a slot or a name.
    pub untracked: Sum,
}

/// Operations, and what became of items.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum {
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

impl<'a> Drain<'a> {
    /// Of a table at rest.
    pub fn new(
        table: &'a mut Table,
        names: &'a mut Names,
        epoch: u32,
        nows: &'a [Option<u32>],
        pauses: Pauses,
    ) -> Self {
        let (total, untracked) = Default::default();
        Self { table, names, epoch, nows, kept: Vec::new(), pauses, total, untracked }
    }

    /// Everything as records, in the order of the table.
    pub fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        self.each(|sighting, names, name| {
            let Sighting { target, counts, size, ttl, outcomes, .. } = *sighting;
            records.push(Record { key: names.read(name).1, target, counts, size, ttl, outcomes });
            Verdict::Done
        });
        records
    }

    /// Empties what is left, and makes room for names; `active` is the table of the epoch under way.
    pub fn finish(mut self, active: &Table) {
        for place in self.kept {
            self.table.clear(place);
        }
        self.names.collect(self.epoch, &mut self.pauses, |hash| active.holds(hash));
    }

    fn each(&mut self, mut each: impl FnMut(&Sighting<'_>, &Names, Place) -> Verdict) {
        let Self { table, names, epoch, nows, kept, pauses, total, untracked } = self;
        table.drain(pauses, |counted, place, stats, rare| {
            let sum = sum(stats, rare);
            *total += &sum;
            let Counted::Key(hash) = counted else {
                *untracked += &sum;
                return true;
            };
            names.look_ahead(bucket_of(place));
            let Some((name, target)) = names.see(hash, sum.counts.calls(), *epoch) else {
                *untracked += &sum;
                return true;
            };
            let verdict = each(&sighting(place, target, stats, &sum, nows), names, name);
            if verdict == Verdict::Kept {
                kept.push(place);
            }
            verdict == Verdict::Done
        });
    }
}

impl Sightings for Drain<'_> {
    fn most(&self) -> usize {
        self.table.slots()
    }

    fn for_each(&mut self, each: &mut dyn FnMut(&Sighting<'_>) -> Verdict) {
        self.each(|sighting, _, _| each(sighting));
    }

    fn again(&self, place: u32) -> Option<(Sighting<'_>, Key)> {
        let (stats, rare) = self.table.at(place)?;
        let (target, key) = self.names.name(stats.hash)?;
        Some((sighting(place, target, &stats, &sum(&stats, &rare), self.nows), key))
    }
}

fn sighting(place: u32, target: u32, stats: &Stats, sum: &Sum, nows: &[Option<u32>]) -> Sighting<'static> {
    let size = stats.size_plus_1.checked_sub(1);
    let now = nows.get(target as usize).copied().flatten();
    let ttl = size.map_or_else(Default::default, |_| clock::ttl(stats.exptime, now));
    let Sum { counts, outcomes } = *sum;
    Sighting { place, hash: stats.hash, key: None, target, counts, size, ttl, outcomes }
}

/// Widens what the kernel side counted.
fn sum(stats: &Stats, rare: &RareStats) -> Sum {
    let RareStats { flushed, not_stored, exists, evicted } = *rare;
    let outcomes = Outcomes { not_stored: not_stored.into(), exists: exists.into(), evicted: evicted.into() };
    let counts = Counts {
        hits: stats.hits.into(),
        misses: stats.misses.into(),
        expired: stats.expired.into(),
        flushed: flushed.into(),
        sets: stats.sets.into(),
        deletes: stats.deletes.into(),
        delete_hits: stats.delete_hits.into(),
        other: stats.other.into(),
        other_hits: stats.other_hits.into(),
        bytes_out: stats.bytes_out,
        bytes_in: stats.bytes_in,
    };
    Sum { counts, outcomes }
}
