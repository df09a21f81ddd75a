//! How much memory the model may use.

use crate::model::history::packed::RECORD_MAX;
use crate::model::sketch::{Candidate, Newcomer};
use crate::model::snapshot::Row;

use super::keys;

/// Bounds of the memory that the model and its snapshots use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most keys that are tracked.
    pub keys: usize,
    /// Most bytes of history, including the sliding window. Beyond it the history becomes shorter, and finally the window.
    /// The newest interval is always kept, with at most `RECORD_MAX` bytes for each key.
    pub history: usize,
}

/// Default memory for user space, bytes.
pub(crate) const DEFAULT_MEMORY: usize = 64 << 20;

/// Least memory that the model works with, bytes.
pub const MIN_MEMORY: usize = 1 << 20;

/// Memory reserved for everything besides the model, at most a quarter of all: the program and its libraries (9 MiB resident),
/// what is known about the servers' binaries, and the allocator's overhead. Bytes.
const PROGRAM: usize = 16 << 20;

/// One byte in this many is reserved for the bookkeeping of the eBPF table of key names.
pub(crate) const NAME_TABLE_DIVISOR: usize = 32;

/// Snapshots that exist at once with a screen: the paused one, the newest one, and the one being made.
const SNAPSHOTS: usize = 3;

/// Bytes of the longest key on the heap: with two reference counts and the allocator's header, rounded up to 16 bytes.
const NAME: usize = (mctop_common::limits::KEY_MAX + 16 + 8).next_multiple_of(16);

/// Bytes per key that [`Keys`](keys::Keys) needs while it selects: twice as many newcomers as keys, all newcomers and keys as
/// candidates, and the slots that become free.
const SELECTION: usize = 2 * size_of::<Newcomer>() + 3 * size_of::<Candidate>() + 2 * size_of::<u32>();

/// Bytes that the longest key uses at most in the model and `snapshots` snapshots, which may all contain different keys.
const fn key_bytes(snapshots: usize) -> usize {
    let in_model = keys::BYTES + NAME;
    match snapshots {
        // The only snapshot is dropped before the next selection, and shares the names of the tracked keys.
        1 if size_of::<Row>() > SELECTION => in_model + size_of::<Row>(),
        1 => in_model + SELECTION,
        _ => in_model + SELECTION + snapshots * (size_of::<Row>() + NAME),
    }
}

impl Limits {
    /// Limits that keep all of mctop within `bytes` (at least [`MIN_MEMORY`]) for any keys, with the model and three snapshots
    /// of it. Records, which are copies of key samples, are not included: a live observation makes none unless keys are
    /// redacted or there is a budget, and a capture is read one interval at a time.
    #[must_use]
    pub fn for_memory(bytes: usize) -> Self {
        Self::for_snapshots(bytes, SNAPSHOTS)
    }

    /// The same if no snapshot is kept while the next interval is folded, which leaves room for two to three times as many keys.
    #[must_use]
    pub fn without_screen(bytes: usize) -> Self {
        Self::for_snapshots(bytes, 1)
    }

    fn for_snapshots(bytes: usize, snapshots: usize) -> Self {
        let bytes = model_memory(bytes.max(MIN_MEMORY));
        // Snapshots may hold slices that the model has dropped: a tenth for each of three, a sixth for one.
        let history = bytes / (2 * snapshots + 4);
        // An eighth of that is for the slice that is added before the oldest are removed.
        Self { keys: (bytes - snapshots * history) / key_bytes(snapshots), history: history - history / 8 }
    }
}

/// The part of user-space memory that the model and its snapshots may use, bytes.
#[must_use]
pub const fn model_memory(bytes: usize) -> usize {
    let program = if PROGRAM < bytes / 4 { PROGRAM } else { bytes / 4 };
    bytes - program - bytes / NAME_TABLE_DIVISOR
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_memory(DEFAULT_MEMORY)
    }
}

// The newest interval always fits into the history.
const _: () =
    assert!(key_bytes(SNAPSHOTS) / (SNAPSHOTS + 4) * 7 / 8 > RECORD_MAX && key_bytes(1) / 5 * 7 / 8 > RECORD_MAX);
