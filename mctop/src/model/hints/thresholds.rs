//! Thresholds of hints. They separate what happens on every healthy cache from what users should look at. Minimum counts
//! exclude ratios that mean nothing.

use std::time::Duration;

/// No hints over a shorter time: the first keys seen of a cache may be cold ones.
pub(crate) const SPAN_MIN: Duration = Duration::from_secs(2);

/// Reads of a key before its hit ratio means something. At a true hit ratio of 5 %, 100 reads miss by chance in 0.6 % of the
/// cases.
pub(crate) const READS_MIN: u64 = 100;

/// The same for a family of keys, some of which are cold and read for the first time.
pub(crate) const FAMILY_READS_MIN: u64 = 1_000;

/// Below this hit ratio a cache is useless: 99 of 100 reads go to the database as well.
pub(crate) const HIT_RATIO_NEVER: f64 = 0.01;

/// Minimum of both stores and reads of empty values. A marker such as a lock is stored but not read.
pub(crate) const EMPTY_MIN: u64 = 20;

/// The largest value without a hint, bytes. By default memcached refuses items larger than 1 MiB (`-I`), and 125 reads per
/// second of 1 MB fill a link of 1 Gb/s.
pub(crate) const VALUE_MAX: u32 = 1_000_000;

/// Share of all calls or bytes that makes a key a hot key. A key is on one server, so that adding servers does not reduce
/// this part of its load.
pub(crate) const SHARE_MAX: f64 = 0.25;

/// Calls per second from which a large share of calls matters. On an idle server any key may have most of the load.
pub(crate) const LOAD_CALLS: f64 = 100.0;
/// The same for bytes per second: 8 % of a link of 1 Gb/s.
pub(crate) const LOAD_BYTES: f64 = 10_000_000.0;

/// Storage commands per second of a set storm.
pub(crate) const STORM_SETS: f64 = 10.0;
/// The same for a family of keys, because refilling a cache needs many stores.
pub(crate) const FAMILY_STORM_SETS: f64 = 100.0;
/// Storage commands per read. A useful cache is read more often than written.
pub(crate) const STORM_RATIO: u64 = 10;

/// Reads per second of a key that is too hot to be evicted, so that its misses have another cause.
pub(crate) const HOT_READS: f64 = 10.0;
/// Minimum hits of a hot key.
pub(crate) const HOT_HITS: u64 = 100;
/// Minimum hit ratio of a hot key, including the misses of a stampede.
pub(crate) const HOT_RATIO: f64 = 0.5;
/// Misses per loss of the item. A single client that refills the cache causes one miss and one store.
pub(crate) const STAMPEDE_MISSES: u64 = 10;
/// Storage commands per loss. Fewer than misses, because a client may give up, or store the value later.
pub(crate) const STAMPEDE_SETS: u64 = 5;

/// Minimum reads of a key for its expiry to matter.
pub(crate) const EXPIRING_READS: u64 = 10;
/// Minimum number of keys that expire in the same second.
pub(crate) const EXPIRING_KEYS: usize = 20;
/// How many times the average number of keys must expire in that second.
pub(crate) const EXPIRING_CONCENTRATION: usize = 3;
/// Minimum share of all reads that these keys have.
pub(crate) const EXPIRING_SHARE: f64 = 0.05;

/// Most hints of one kind.
pub(crate) const PER_KIND: usize = 3;
/// Most hints in all. Nobody reads a longer list.
pub(crate) const HINTS_MAX: usize = 10;
