//! From where on something is worth a hint. Each keeps apart what happens on every healthy cache from what somebody should
//! look at; the counts are minimums below which a ratio means nothing.

use std::time::Duration;

/// Over a shorter time nothing is said: a cache that was just watched shows the misses of its coldest keys first.
pub const SPAN_MIN: Duration = Duration::from_secs(2);

/// Reads before a hit ratio says something of a key. At a ratio of 5 %, 100 reads without a hit are a matter of luck in 0.6 %
/// of the cases.
pub const READS_MIN: u64 = 100;

/// The same for a family of keys, which has cold members that are read for the first time.
pub const FAMILY_READS_MIN: u64 = 1_000;

/// Below this hit ratio a cache is of no use: 99 of 100 reads go to the database as well.
pub const HIT_RATIO_NEVER: f64 = 0.01;

/// Stores and reads of empty values before they are no coincidence. A marker that is only stored, such as a lock, is not read.
pub const EMPTY_MIN: u64 = 20;

/// The largest value that is not conspicuous, bytes. memcached refuses larger items than 1 MiB unless told otherwise (`-I`),
/// and 100 reads a second of 1 MB fill a link of 1 Gb/s.
pub const VALUE_MAX: u32 = 1_000_000;

/// The share of all calls or of all bytes from where on one key is the load: one key is on one server, and no number of further
/// servers takes this part away from it.
pub const SHARE_MAX: f64 = 0.25;

/// Calls a second and bytes a second of which one of the two must be reached before a large share matters: on an idle server
/// anything is most of the load.
pub const LOAD_CALLS: f64 = 100.0;
/// See [`LOAD_CALLS`]; 8 % of a link of 1 Gb/s.
pub const LOAD_BYTES: f64 = 10_000_000.0;

/// Storage commands a second before they are a storm.
pub const STORM_SETS: f64 = 10.0;
/// The same for a family of keys: filling a cache anew takes many.
pub const FAMILY_STORM_SETS: f64 = 100.0;
/// Storage commands for each read: a cache is read more often than written.
pub const STORM_RATIO: u64 = 10;

/// Reads a second of a key that is too hot to be evicted, so that its misses have another reason.
pub const HOT_READS: f64 = 10.0;
/// Hits before a key counts as one that hits.
pub const HOT_HITS: u64 = 100;
/// The hit ratio of a key that hits, except when all at once it does not.
pub const HOT_RATIO: f64 = 0.5;
/// Misses for each time that the item was lost, and storage commands after it. One client that fills the cache causes one of
/// each.
pub const STAMPEDE_MISSES: u64 = 10;
/// See [`STAMPEDE_MISSES`]; fewer, because a client may give up, or store what it computed only later.
pub const STAMPEDE_SETS: u64 = 5;

/// Reads of a key that is missed when it expires.
pub const EXPIRING_READS: u64 = 10;
/// So many keys expire in one second before it is told.
pub const EXPIRING_KEYS: usize = 20;
/// How many times more they must be than expire in any second on average.
pub const EXPIRING_CONCENTRATION: usize = 3;
/// Their share of all reads.
pub const EXPIRING_SHARE: f64 = 0.05;

/// Most hints of one kind, and of all kinds: who gets more reads none.
pub const PER_KIND: usize = 3;
/// See [`PER_KIND`].
pub const HINTS_MAX: usize = 10;
