//! How much memory the model may take.

use crate::model::history::packed::RECORD_MAX;
use crate::model::sketch::{Candidate, Newcomer};
use crate::model::snapshot::Row;

use super::keys;

/// Bounds of the memory the model takes, with the snapshots made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most keys kept over intervals.
    pub keys: usize,
    /// Most bytes of history, the sliding window among it: beyond it the history and at last the window shrink, and say so.
    /// The newest interval stays in any case, with at most [`RECORD_MAX`] bytes for each key.
    pub history: usize,
}

/// Default memory for user space, bytes.
pub const DEFAULT_MEMORY: usize = 64 << 20;

/// Least memory that the model can be made for, bytes.
pub const LEAST_MEMORY: usize = 1 << 20;

/// What mctop takes besides the model, of which a quarter of the memory is the most that is set apart: the program itself and
/// its libraries, 9 MiB as far as they are used, what is known of the servers' binaries, and what stands between the
/// allocator and the kernel.
const PROGRAM: usize = 16 << 20;

/// The part of the memory, one in so many bytes, that goes into notes on the kernel side's table of names.
pub const NOTES: usize = 32;

/// Snapshots that exist at once where there is a screen: that of a paused one, that which it would show, and the one being made.
const SNAPSHOTS: usize = 3;

/// What the allocator adds to a key's bytes and rounds them up to: two reference counts, its own header, 16-byte steps.
const NAME: usize = (mctop_common::limits::KEY_MAX + 16 + 8).next_multiple_of(16);

/// What [`Keys`](keys::Keys) needs while it chooses: twice as many newcomers as keys, all of them and the keys as candidates,
/// and the slots that become free.
const CHOICE: usize = 2 * size_of::<Newcomer>() + 3 * size_of::<Candidate>() + 2 * size_of::<u32>();

/// Bytes that a key takes at most, with the longest name: here, and in so many snapshots. They may all be of different keys.
const fn key(snapshots: usize) -> usize {
    let here = keys::BYTES + NAME;
    match snapshots {
        // It is gone before there is something to choose, and is of the keys that are kept.
        1 if size_of::<Row>() > CHOICE => here + size_of::<Row>(),
        1 => here + CHOICE,
        _ => here + CHOICE + snapshots * (size_of::<Row>() + NAME),
    }
}

impl Limits {
    /// Limits that keep mctop as a whole, with the model and the snapshots made of it, three at a time, within `bytes`
    /// ([`LEAST_MEMORY`] if it is less), whatever the keys are. Records of intervals that are folded are not among it: a
    /// live observation makes none unless keys are redacted or figures extrapolated, and a capture is read an interval at a time.
    #[must_use]
    pub fn for_memory(bytes: usize) -> Self {
        Self::for_snapshots(bytes, SNAPSHOTS)
    }

    /// The same where no snapshot is kept while the next interval is folded: there is room for two to three times as many keys.
    #[must_use]
    pub fn without_screen(bytes: usize) -> Self {
        Self::for_snapshots(bytes, 1)
    }

    fn for_snapshots(bytes: usize, snapshots: usize) -> Self {
        let bytes = model_part(bytes.max(LEAST_MEMORY));
        // The snapshots may hold slices that the model has dropped. A tenth for each of three, a sixth for one.
        let history = bytes / (2 * snapshots + 4);
        // An eighth of that is for a slice that is added before the oldest go.
        Self { keys: (bytes - snapshots * history) / key(snapshots), history: history - history / 8 }
    }
}

/// What of the memory of user space the model and its snapshots have.
#[must_use]
pub const fn model_part(bytes: usize) -> usize {
    let program = if PROGRAM < bytes / 4 { PROGRAM } else { bytes / 4 };
    bytes - program - bytes / NOTES
}

impl Default for Limits {
    fn default() -> Self {
        Self::for_memory(DEFAULT_MEMORY)
    }
}

// The newest interval always fits into the history.
const _: () = assert!(key(SNAPSHOTS) / (SNAPSHOTS + 4) * 7 / 8 > RECORD_MAX && key(1) / 5 * 7 / 8 > RECORD_MAX);
