//! Substring search over binary data.

/// A byte string prepared for the search algorithm of Horspool (1980). It skips ahead depending on the last byte of the window, so
/// it reads only a fraction of the bytes if the needle is long.
#[derive(Debug)]
pub(super) struct Needle<'a> {
    bytes: &'a [u8],
    shifts: [usize; 256],
}

impl<'a> Needle<'a> {
    /// Prepares a byte string. An empty one is never found.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut shifts = [bytes.len().max(1); 256];
        for (index, &byte) in bytes.iter().enumerate().take(bytes.len().saturating_sub(1)) {
            if let Some(shift) = shifts.get_mut(usize::from(byte)) {
                *shift = bytes.len() - 1 - index;
            }
        }
        Self { bytes, shifts }
    }

    /// Offset of the first occurrence at or after `from`.
    pub(super) fn find(&self, haystack: &[u8], from: usize) -> Option<usize> {
        let mut start = from;
        loop {
            let window = haystack.get(start..start.checked_add(self.bytes.len())?)?;
            let last = *window.last()?;
            if window == self.bytes {
                return Some(start);
            }
            start += self.shifts.get(usize::from(last)).copied().unwrap_or(1);
        }
    }

    /// Offsets of all occurrences, overlapping ones included.
    pub(super) fn find_all<'h>(&'h self, haystack: &'h [u8]) -> impl Iterator<Item = usize> + 'h {
        let mut from = 0;
        std::iter::from_fn(move || {
            let start = self.find(haystack, from)?;
            from = start + 1;
            Some(start)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(haystack in prop::collection::vec(0u8..4, 0..200),
                                           needle in prop::collection::vec(0u8..4, 1..6)) {
            let found: Vec<_> = Needle::new(&needle).find_all(&haystack).collect();
            let expected: Vec<_> = haystack.windows(needle.len()).enumerate()
                .filter(|(_, window)| *window == needle).map(|(index, _)| index).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
