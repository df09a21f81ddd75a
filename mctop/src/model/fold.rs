//! Folds intervals into what is known since the start, in the last interval, and in a sliding window.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::counts::Counts;
use super::interval::{Change, Interval};
use super::key::Key;
use super::snapshot::{Gap, Level, Loss, Row, Snapshot, TargetInfo, Ttl};
use crate::source::Header;

/// Bounds of the memory the model takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most keys kept over intervals; about 500 bytes each.
    pub keys: usize,
    /// Most per-key counts kept for the sliding window, about 150 bytes each: beyond it the window shrinks, and says so.
    pub window_records: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { keys: 131_072, window_records: 400_000 }
    }
}

/// Longest sliding window.
pub const WINDOW: Duration = Duration::from_secs(60);

type Id = (u32, Key);

/// What is known of one key.
struct Entry {
    total: Counts,
    last: Counts,
    recent: Counts,
    size: Option<u32>,
    ttl: Ttl,
    /// When `ttl` was right.
    ttl_at: Duration,
    /// Number of the interval that `last` is about.
    last_interval: u64,
    /// Number of the interval it was first seen in, since it was last forgotten.
    since: u64,
}

/// One interval of the sliding window.
struct Slice {
    number: u64,
    start: Duration,
    total: Counts,
    keys: Vec<(Id, Counts)>,
}

/// The state folded so far.
pub struct Model {
    header: Header,
    targets: Arc<[TargetInfo]>,
    gaps: Vec<Gap>,
    notes: Vec<String>,
    limits: Limits,
    entries: HashMap<Id, Entry>,
    window: VecDeque<Slice>,
    window_records: usize,
    number: u64,
    total: Counts,
    by_target: Vec<Counts>,
    last: Counts,
    recent: Counts,
    loss: Loss,
    end: Duration,
    interval: Duration,
}

impl Model {
    /// An observation without intervals yet.
    #[must_use]
    pub fn new(header: &Header, limits: Limits) -> Self {
        Self {
            targets: header.targets.clone().into(),
            gaps: Vec::new(),
            notes: Vec::new(),
            header: header.clone(),
            limits,
            entries: HashMap::new(),
            window: VecDeque::new(),
            window_records: 0,
            number: 0,
            total: Counts::default(),
            by_target: vec![Counts::default(); header.targets.len()],
            last: Counts::default(),
            recent: Counts::default(),
            loss: Loss::default(),
            end: Duration::ZERO,
            interval: Duration::ZERO,
        }
    }

    /// Adds one interval.
    pub fn fold(&mut self, interval: &Interval) {
        self.number += 1;
        self.end = interval.end;
        self.interval = interval.end.saturating_sub(interval.start);
        self.total += &interval.total;
        self.recent += &interval.total;
        self.last = interval.total;
        self.loss += &interval.loss;
        let mut slice = Slice {
            number: self.number,
            start: interval.start,
            total: interval.total,
            keys: Vec::with_capacity(interval.records.len()),
        };
        for record in &interval.records {
            let id = (record.target, record.key.clone());
            let entry = self.entries.entry(id.clone()).or_insert_with(|| Entry {
                total: Counts::default(),
                last: Counts::default(),
                recent: Counts::default(),
                size: None,
                ttl: Ttl::Unknown,
                ttl_at: Duration::ZERO,
                last_interval: 0,
                since: self.number,
            });
            if entry.last_interval != self.number {
                entry.last = Counts::default();
                entry.last_interval = self.number;
            }
            entry.total += &record.counts;
            if let Some(total) = self.by_target.get_mut(record.target as usize) {
                *total += &record.counts;
            }
            entry.last += &record.counts;
            entry.recent += &record.counts;
            if record.size.is_some() {
                entry.size = record.size;
                entry.ttl = record.ttl;
                entry.ttl_at = interval.end;
            }
            slice.keys.push((id, record.counts));
        }
        self.window_records += slice.keys.len();
        self.window.push_back(slice);
        self.slide();
        self.forget();
        for change in &interval.changes {
            self.change(change);
        }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Exited { target, at } => {
                let exited_pid = self.targets.get(*target as usize).map(|info| info.pid);
                self.gaps.push(Gap { target: *target, exited_pid, from: *at, to: None });
            }
            Change::Attached { target, at, info } => {
                let mut targets = self.targets.to_vec();
                match targets.get_mut(*target as usize) {
                    Some(known) => *known = info.clone(),
                    None => {
                        targets.push(info.clone());
                        self.by_target.push(Counts::default());
                        self.gaps.push(Gap { target: *target, exited_pid: None, from: Duration::ZERO, to: None });
                    }
                }
                self.targets = targets.into();
                let open = self.gaps.iter_mut().rev().find(|gap| gap.target == *target && gap.to.is_none());
                if let Some(gap) = open {
                    gap.to = Some(*at);
                }
            }
            Change::Refused { reason } => self.notes.push(reason.clone()),
        }
    }

    /// Takes out of the window what is too old or too much; the interval just added always stays.
    fn slide(&mut self) {
        while self.window.len() > 1
            && let Some(oldest) = self.window.front()
            && (self.end.saturating_sub(oldest.start) > WINDOW || self.window_records > self.limits.window_records)
            && let Some(oldest) = self.window.pop_front()
        {
            self.window_records -= oldest.keys.len();
            self.recent -= &oldest.total;
            for (id, counts) in &oldest.keys {
                // Not what was counted before the key was forgotten.
                if let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.since <= oldest.number) {
                    entry.recent -= counts;
                }
            }
        }
    }

    /// When there are too many keys, forgets a quarter: those with the fewest operations in the window, then in total.
    fn forget(&mut self) {
        if self.entries.len() <= self.limits.keys {
            return;
        }
        let keep = self.limits.keys - self.limits.keys / 4;
        let mut ranks: Vec<(u64, u64, Id)> =
            self.entries.iter().map(|(id, entry)| (entry.recent.calls(), entry.total.calls(), id.clone())).collect();
        let forgotten = ranks.len() - keep;
        ranks.select_nth_unstable(forgotten);
        for (_, _, id) in ranks.drain(..forgotten) {
            if let Some(entry) = self.entries.remove(&id) {
                self.loss.untracked_calls += entry.total.calls();
                self.loss.untracked_bytes += entry.total.bytes();
                self.loss.forgotten_keys += 1;
            }
        }
    }

    /// The picture as of the last interval folded.
    #[must_use]
    pub fn snapshot(&self, interrupted: bool) -> Snapshot {
        Snapshot {
            origin: self.header.origin.clone(),
            host: self.header.host.clone(),
            kernel: self.header.kernel.clone(),
            started_at: self.header.started_at,
            duration: self.end,
            interval: self.interval,
            window: self.window.front().map_or(Duration::ZERO, |oldest| self.end.saturating_sub(oldest.start)),
            interrupted,
            targets: Arc::clone(&self.targets),
            gaps: self.gaps.clone(),
            notes: self.notes.clone(),
            total: self.total,
            target_totals: self.by_target.clone(),
            last: self.last,
            recent: self.recent,
            loss: self.loss,
            level: Level::Keys,
            rows: self.entries.iter().map(|((target, key), entry)| self.row(*target, key, entry)).collect(),
        }
    }

    fn row(&self, target: u32, key: &Key, entry: &Entry) -> Row {
        let aged = self.end.saturating_sub(entry.ttl_at).as_secs();
        Row {
            key: key.clone(),
            target,
            keys: 1,
            total: entry.total,
            last: if entry.last_interval == self.number { entry.last } else { Counts::default() },
            recent: entry.recent,
            size: entry.size,
            ttl: match entry.ttl {
                Ttl::Seconds(seconds) => Ttl::Seconds(seconds.saturating_sub(u32::try_from(aged).unwrap_or(u32::MAX))),
                other => other,
            },
            spread: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::interval::Record;
    use crate::model::snapshot::Origin;
    use crate::report::sample;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            origin: Origin::Live,
            host: "h".into(),
            kernel: "k".into(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            targets: Vec::new(),
        }
    }

    fn hits(n: u64) -> Counts {
        Counts { hits: n, bytes_out: 10 * n, ..Counts::default() }
    }

    fn interval(second: u64, keys: &[(u16, u64)], untracked: u64) -> Interval {
        let mut total = hits(untracked);
        let records = keys
            .iter()
            .map(|(key, n)| {
                total += &hits(*n);
                Record {
                    key: Key::new(&key.to_be_bytes()),
                    target: 0,
                    counts: hits(*n),
                    size: Some(10),
                    ttl: Ttl::Seconds(30),
                }
            })
            .collect();
        let loss = Loss { untracked_calls: untracked, untracked_bytes: 10 * untracked, ..Loss::default() };
        Interval {
            start: Duration::from_secs(second),
            end: Duration::from_secs(second + 1),
            total,
            loss,
            records,
            changes: Vec::new(),
        }
    }

    fn row(snapshot: &Snapshot, key: u16) -> Option<&Row> {
        snapshot.rows.iter().find(|row| row.key.bytes() == key.to_be_bytes())
    }

    #[test]
    fn the_window_slides() {
        let mut model = Model::new(&header(), Limits::default());
        for second in 0..100 {
            model.fold(&interval(second, &[(1, 2)], 0));
        }
        let snapshot = model.snapshot(false);
        let row = row(&snapshot, 1).unwrap();
        assert_eq!((row.total.calls(), row.recent.calls(), row.last.calls()), (200, 120, 2));
        assert_eq!((snapshot.window, snapshot.duration), (WINDOW, Duration::from_secs(100)));
        assert_eq!(snapshot.recent.calls(), 120);
    }

    #[test]
    fn a_quiet_key_has_no_last_calls_and_its_ttl_runs_down() {
        let mut model = Model::new(&header(), Limits::default());
        model.fold(&interval(0, &[(1, 5)], 0));
        for second in 1..=10 {
            model.fold(&interval(second, &[(2, 1)], 0));
        }
        let snapshot = model.snapshot(false);
        let quiet = row(&snapshot, 1).unwrap();
        assert_eq!((quiet.last.calls(), quiet.total.calls(), quiet.ttl), (0, 5, Ttl::Seconds(20)));
    }

    #[test]
    fn a_newly_hot_key_survives_a_flood_of_cold_ones() {
        let mut model = Model::new(&header(), Limits { keys: 100, window_records: 1_000 });
        for second in 0..50u64 {
            let mut keys: Vec<(u16, u64)> = (0..90).map(|i| (1_000 + second as u16 * 90 + i, 1)).collect();
            if second >= 40 {
                keys.push((7, 50));
            }
            model.fold(&interval(second, &keys, 0));
            assert!(model.entries.len() <= 100 && model.window_records <= 1_000);
        }
        let snapshot = model.snapshot(false);
        assert_eq!(row(&snapshot, 7).unwrap().total.calls(), 500);
        assert!(snapshot.loss.forgotten_keys > 0);
    }

    #[test]
    fn a_restart_is_a_gap_of_the_same_server() {
        let server = |pid| TargetInfo { pid, ..sample::flash_sale().targets[0].clone() };
        let mut model = Model::new(&Header { targets: vec![server(1)], ..header() }, Limits::default());
        let seconds = Duration::from_secs;
        let mut exit = interval(0, &[(7, 5)], 0);
        exit.changes.push(Change::Exited { target: 0, at: seconds(1) });
        model.fold(&exit);
        let gap = Gap { target: 0, exited_pid: Some(1), from: seconds(1), to: None };
        assert_eq!(model.snapshot(false).gaps, [gap]);
        let mut restart = interval(1, &[], 0);
        restart.changes.push(Change::Attached { target: 0, at: seconds(2), info: server(2) });
        restart.changes.push(Change::Attached { target: 1, at: seconds(2), info: server(3) });
        model.fold(&restart);
        model.fold(&interval(2, &[(7, 5)], 0));
        let snapshot = model.snapshot(false);
        let late = Gap { target: 1, exited_pid: None, from: Duration::ZERO, to: Some(seconds(2)) };
        assert_eq!(snapshot.gaps, [Gap { to: Some(seconds(2)), ..gap }, late]);
        assert_eq!(snapshot.targets.iter().map(|target| target.pid).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(row(&snapshot, 7).unwrap().total.calls(), 10);
        assert_eq!(snapshot.target_totals.iter().map(Counts::calls).collect::<Vec<_>>(), [10, 0]);
    }

    proptest! {
        #[test]
        fn totals_are_rows_plus_untracked(
            intervals in proptest::collection::vec((proptest::collection::btree_map(0u16..40, 1u64..100, 0..30), 0u64..5), 1..90),
            keys in 4usize..50,
            window_records in 1usize..200,
        ) {
            let mut model = Model::new(&header(), Limits { keys, window_records });
            for (second, (records, untracked)) in intervals.iter().enumerate() {
                let records: Vec<_> = records.iter().map(|(key, n)| (*key, *n)).collect();
                model.fold(&interval(second as u64, &records, *untracked));
                let snapshot = model.snapshot(false);
                let mut sum = Counts::default();
                let mut last = Counts::default();
                for row in &snapshot.rows {
                    sum += &row.total;
                    last += &row.last;
                    prop_assert!(row.recent.calls() <= row.total.calls());
                }
                prop_assert_eq!(sum.calls() + snapshot.loss.untracked_calls, snapshot.total.calls());
                prop_assert_eq!(sum.bytes() + snapshot.loss.untracked_bytes, snapshot.total.bytes());
                prop_assert!(last.calls() <= snapshot.last.calls());
                prop_assert!(snapshot.window <= WINDOW);
            }
        }
    }
}
