//! Recognises a memcached server by its content, because the name of a process or file proves nothing.

use super::search::Needle;

/// Error messages of `do_store_item` and `do_add_delta`, unchanged since 1.4. Clients and tools of memcached do not contain them.
/// Their ends are stored separately, so that mctop itself does not match.
const MESSAGES: [&[u8]; 2] = [b"CAS:  failure: expected %llu, got %llu", b"Tried to do incr/decr on invalid item"];
/// What follows each message in memcached.
const END: &[u8] = b"\n\0";
/// At most this many occurrences of one message are examined.
const OCCURRENCES_MAX: usize = 64;

/// The strings that identify a binary as a memcached server.
#[derive(Debug)]
pub(super) struct Signature {
    needles: [Needle<'static>; 2],
}

impl Default for Signature {
    fn default() -> Self {
        Self::new()
    }
}

impl Signature {
    /// Prepares the search.
    pub(super) fn new() -> Self {
        Self { needles: MESSAGES.map(Needle::new) }
    }

    /// Whether the read-only data of a binary, given in pieces, contains all of them.
    pub(super) fn matches<'d>(&self, pieces: impl Iterator<Item = &'d [u8]>) -> bool {
        let mut found = [false; MESSAGES.len()];
        for piece in pieces {
            for ((needle, message), found) in self.needles.iter().zip(MESSAGES).zip(&mut found) {
                *found = *found
                    || needle
                        .find_all(piece)
                        .take(OCCURRENCES_MAX)
                        .any(|start| piece.get(start + message.len()..).is_some_and(|rest| rest.starts_with(END)));
            }
        }
        found.iter().all(|&found| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_all_messages_with_their_ends() {
        let whole = MESSAGES.map(|message| [message, END].concat());
        let signature = Signature::new();
        assert!(signature.matches(whole.iter().map(Vec::as_slice)));
        assert!(signature.matches(std::iter::once(whole.concat().as_slice())));
        assert!(!signature.matches(whole.iter().take(1).map(Vec::as_slice)));
        assert!(!signature.matches(MESSAGES.into_iter()));
        assert!(!signature.matches(std::iter::empty()));
    }
}
