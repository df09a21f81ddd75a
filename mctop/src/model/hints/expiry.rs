//! Keys that expire together.

use std::collections::BTreeMap;

use super::thresholds::{EXPIRING_CONCENTRATION, EXPIRING_KEYS, EXPIRING_READS, EXPIRING_SHARE};
use super::{Context, Finding, Hint, Subject};
use crate::model::counts::Counts;
use crate::model::group::Grouping;
use crate::model::snapshot::{Row, Ttl, share};

/// The second in which the items with the most reads expire, if unusually many keys expire in it.
pub(super) fn expire_together(context: &Context<'_>, families: &Grouping) -> Option<Hint> {
    let mut seconds: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
    let mut expiring = 0;
    for row in context.snapshot.rows.iter().filter(|row| matters_at_expiry(context, row)) {
        if let Ttl::Seconds(after @ 1..) = row.ttl {
            seconds.entry(after).or_default().push(row);
            expiring += 1;
        }
    }
    let longest = *seconds.last_key_value()?.0 as usize;
    let is_unusual = |keys: usize| keys >= EXPIRING_KEYS && keys * (longest + 1) >= expiring * EXPIRING_CONCENTRATION;
    let together = seconds.into_iter().filter(|(_, rows)| is_unusual(rows.len()));
    let counted = together.map(|(after, rows)| {
        let mut counts = Counts::default();
        rows.iter().for_each(|row| counts += context.counts(row));
        (after, rows, counts)
    });
    let (after, rows, counts) = counted.max_by_key(|(_, _, counts)| counts.gets())?;
    if share(counts.gets(), context.whole.gets()) < EXPIRING_SHARE {
        return None;
    }
    let keys = rows.len() as u64;
    let finding = Finding::ExpireTogether { keys, after };
    Some(Hint { finding, subject: common_family(&rows, families), counts, whole: context.whole, over: context.over })
}

/// Whether clients will miss a key when it expires: it is read, and not stored so often that its expiry moves.
fn matters_at_expiry(context: &Context<'_>, row: &Row) -> bool {
    let counts = context.counts(row);
    !row.is_group() && counts.gets() >= EXPIRING_READS && counts.hits > 0 && counts.gets() >= 10 * counts.sets
}

/// The family of the rows, if they all belong to the same one.
fn common_family(rows: &[&Row], families: &Grouping) -> Option<Subject> {
    let first = rows.first()?;
    let name = families.name(&first.key);
    let same = |row: &&Row| row.target == first.target && families.name(&row.key) == name;
    let keys = rows.len() as u64;
    rows.iter().all(same).then(|| Subject { key: name.clone(), target: first.target, keys })
}
