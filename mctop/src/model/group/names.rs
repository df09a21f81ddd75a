//! Assigns indices to names.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Assigns indices to names in the order in which they come. All names are stored in one buffer. The hash is randomly seeded,
/// because names are chosen by clients.
#[derive(Default)]
pub(super) struct NameIndex {
    hash: RandomState,
    table: HashTable<KnownName>,
    bytes: Vec<u8>,
}

struct KnownName {
    hash: u64,
    target: u32,
    index: u32,
    start: usize,
    end: usize,
}

impl NameIndex {
    /// The index of a server's name: the existing one, or the next.
    pub(super) fn index(&mut self, target: u32, name: &[u8]) -> u32 {
        let Self { hash, table, bytes } = self;
        let hash = hash.hash_one((target, name));
        let is_same = |known: &KnownName| known.target == target && bytes.get(known.start..known.end) == Some(name);
        if let Some(known) = table.find(hash, is_same) {
            return known.index;
        }
        let index = u32::try_from(table.len()).unwrap_or(u32::MAX);
        let start = bytes.len();
        bytes.extend_from_slice(name);
        table.insert_unique(hash, KnownName { hash, target, index, start, end: bytes.len() }, |known| known.hash);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_index_and_servers_are_distinguished() {
        let mut names = NameIndex::default();
        let inputs = [(0, "a:*"), (0, "b"), (1, "a:*"), (0, "a:*"), (0, ""), (1, "a:*")];
        assert_eq!(inputs.map(|(target, name)| names.index(target, name.as_bytes())), [0, 1, 2, 0, 3, 2]);
        for number in 4..1_000_u32 {
            assert_eq!(names.index(0, &number.to_be_bytes()), number);
        }
    }
}
