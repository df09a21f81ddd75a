//! Which key a hash stands for, kept in bounds on both sides.
//!
//! The kernel side writes a key's bytes once, when its hash is new in an epoch and not in the names map. User space learns
//! names as hashes turn up, and takes names of keys that are no longer seen out of the map before it is full.

use std::collections::HashMap;

use mctop_common::limits::KEY_MAX;

use super::object::NamesMap;
use crate::model::key::Key;

/// A key and the server it was seen on.
#[derive(Clone, Debug)]
pub struct Known {
    /// Index of the server.
    pub target: u32,
    /// The key.
    pub key: Key,
    /// Number of the last epoch it was counted in.
    last_seen: u64,
    /// Whether the kernel's map still holds it.
    in_map: bool,
}

/// The names known in user space, and the kernel's map of them.
pub struct Names {
    map: NamesMap,
    known: HashMap<u64, Known>,
    capacity: usize,
    in_map: usize,
}

impl Names {
    /// Takes over the kernel's map of `capacity` names.
    #[must_use]
    pub fn new(map: NamesMap, capacity: usize) -> Self {
        Self { map, known: HashMap::new(), capacity, in_map: 0 }
    }

    /// The key of a hash that was counted in `epoch`; `None` when its name could not be stored or read.
    pub fn resolve(&mut self, hash: u64, epoch: u64) -> Option<&Known> {
        let entry = match self.known.entry(hash) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => {
                let name = self.map.get(&hash, 0).ok()?;
                let bytes: Vec<u8> = name.words.iter().flat_map(|word| word.to_le_bytes()).collect();
                let len = (name.len as usize).min(KEY_MAX);
                self.in_map += 1;
                slot.insert(Known { target: name.target, key: Key::new(&bytes[..len]), last_seen: epoch, in_map: true })
            }
        };
        entry.last_seen = epoch;
        Some(entry)
    }

    /// Makes room when the kernel's map is three quarters full: takes out names not seen in `epoch`, the one just drained.
    ///
    /// A name taken out stays known for one more epoch: the kernel side may have counted its key again after it last
    /// looked, and would not write the name anew.
    pub fn collect(&mut self, epoch: u64) {
        if self.in_map * 4 < self.capacity * 3 {
            return;
        }
        let map = &mut self.map;
        let in_map = &mut self.in_map;
        self.known.retain(|hash, known| {
            if known.last_seen == epoch {
                // Counted again after it was taken out: the kernel side has written it anew.
                if !known.in_map && map.get(hash, 0).is_ok() {
                    known.in_map = true;
                    *in_map += 1;
                }
                return true;
            }
            if known.in_map {
                // Fails only when it is gone already.
                let _ = map.remove(hash);
                known.in_map = false;
                *in_map -= 1;
                return true;
            }
            known.last_seen + 2 > epoch
        });
    }
}
