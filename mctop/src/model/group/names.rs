//! The names that were given so far, each with its number.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Numbers names in the order in which they come. Their bytes stand in one piece of memory. The hash is seeded at random: names
/// are what somebody else chose.
#[derive(Default)]
pub struct Names {
    hash: RandomState,
    table: HashTable<Name>,
    bytes: Vec<u8>,
}

struct Name {
    hash: u64,
    target: u32,
    number: u32,
    start: usize,
    end: usize,
}

impl Names {
    /// The number of a server's name: the one it was given, or the next.
    pub fn place(&mut self, target: u32, name: &[u8]) -> u32 {
        let Self { hash, table, bytes } = self;
        let hash = hash.hash_one((target, name));
        let is = |known: &Name| known.target == target && bytes.get(known.start..known.end) == Some(name);
        if let Some(known) = table.find(hash, is) {
            return known.number;
        }
        let number = u32::try_from(table.len()).unwrap_or(u32::MAX);
        let start = bytes.len();
        bytes.extend_from_slice(name);
        table.insert_unique(hash, Name { hash, target, number, start, end: bytes.len() }, |known| known.hash);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_servers_are_told_apart() {
        let mut names = Names::default();
        let numbers = [(0, "a:*"), (0, "b"), (1, "a:*"), (0, "a:*"), (0, ""), (1, "a:*")];
        assert_eq!(numbers.map(|(target, name)| names.place(target, name.as_bytes())), [0, 1, 2, 0, 3, 2]);
        for number in 4..1_000_u32 {
            assert_eq!(names.place(0, &number.to_be_bytes()), number);
        }
    }
}
