//! One epoch's table and the names of its keys, as sightings: what was counted is handed on from where the kernel side counted
//! it.

use mctop_common::records::{RareStats, Stats};

use super::clock;
use super::names::{Names, Place};
use super::table::{Counted, Table, bucket_of};
use crate::model::counts::Counts;
use crate::model::interval::Record;
use crate::model::key::Key;
use crate::model::sighting::{Sighting, Sightings, Verdict};

/// An epoch's table being drained. The table is empty once this is finished.
pub struct Drain<'a> {
    table: &'a mut Table,
    names: &'a mut Names,
    epoch: u32,
    /// Each server's own clock.
    nows: &'a [Option<u32>],
    /// Whose slots are not emptied yet.
    kept: Vec<u32>,
    /// All operations.
    pub total: Counts,
    /// Those among them without a slot or a name.
    pub untracked: Counts,
}

impl<'a> Drain<'a> {
    /// Of a table at rest.
    pub fn new(table: &'a mut Table, names: &'a mut Names, epoch: u32, nows: &'a [Option<u32>]) -> Self {
        let (total, untracked) = Default::default();
        Self { table, names, epoch, nows, kept: Vec::new(), total, untracked }
    }

    /// Everything as records, in the order of the table.
    pub fn records(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        self.each(|sighting, names, name| {
            let Sighting { target, counts, size, ttl, .. } = *sighting;
            records.push(Record { key: names.read(name).1, target, counts, size, ttl });
            Verdict::Done
        });
        records
    }

    /// Empties what is left, and makes room for names; `active` is the table of the epoch under way.
    pub fn finish(self, active: &Table) {
        for place in self.kept {
            self.table.clear(place);
        }
        self.names.collect(self.epoch, |hash| active.holds(hash));
    }

    fn each(&mut self, mut each: impl FnMut(&Sighting<'_>, &Names, Place) -> Verdict) {
        let Self { table, names, epoch, nows, kept, total, untracked } = self;
        table.drain(|counted, place, stats, rare| {
            let counts = counts(stats, rare);
            *total += &counts;
            let Counted::Key(hash) = counted else {
                *untracked += &counts;
                return true;
            };
            names.look_ahead(bucket_of(place));
            let Some((name, target)) = names.see(hash, counts.calls(), *epoch) else {
                *untracked += &counts;
                return true;
            };
            let verdict = each(&sighting(place, hash, target, stats, counts, nows), names, name);
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
        Some((sighting(place, stats.hash, target, &stats, counts(&stats, &rare), self.nows), key))
    }
}

fn sighting(
    place: u32,
    hash: u64,
    target: u32,
    stats: &Stats,
    counts: Counts,
    nows: &[Option<u32>],
) -> Sighting<'static> {
    let size = stats.size_plus_1.checked_sub(1);
    let now = nows.get(target as usize).copied().flatten();
    let ttl = size.map_or_else(Default::default, |_| clock::ttl(stats.exptime, now));
    Sighting { place, hash, key: None, target, counts, size, ttl }
}

/// Widens what the kernel side counted.
fn counts(stats: &Stats, rare: &RareStats) -> Counts {
    Counts {
        hits: stats.hits.into(),
        misses: stats.misses.into(),
        expired: stats.expired.into(),
        flushed: rare.flushed.into(),
        sets: stats.sets.into(),
        deletes: stats.deletes.into(),
        delete_hits: stats.delete_hits.into(),
        other: stats.other.into(),
        other_hits: stats.other_hits.into(),
        bytes_out: stats.bytes_out,
        bytes_in: stats.bytes_in,
    }
}
