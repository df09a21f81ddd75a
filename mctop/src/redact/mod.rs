//! Redacts keys, which can be secrets: replaces them, or parts of them, by hashes before anything shows or writes them.
//!
//! A part is replaced by [`MARK`] and the first [`HASH_BYTES`] bytes of its HMAC-SHA-256 (RFC 2104, FIPS 180-4) in hex. With
//! the same secret, equal parts get equal hashes, so that families of keys stay recognisable. Without the secret, nobody can
//! find the original part by trying candidates.

use std::fmt::Write as _;

use mctop_common::limits::KEY_MAX;

use crate::model::key::Key;

pub(crate) mod pattern;
pub(crate) mod secret;
pub(crate) mod source;

pub(crate) use pattern::Pattern;
pub(crate) use secret::Secret;

/// Prefix of a hash that replaces a part of a key.
pub(crate) const MARK: char = '~';

/// Number of hash bytes that are written, as two hex digits each. Among a million different parts, the probability of a
/// collision is 3 in 100 million (the birthday bound, n²/2⁶⁵).
pub(crate) const HASH_BYTES: usize = 8;

/// Which part of each key is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole key.
    Whole,
    /// The parts that match.
    Parts(Pattern),
}

impl Scope {
    /// Parses a regular expression; an empty text means the whole key.
    ///
    /// # Errors
    /// Says what is wrong with the regular expression.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.is_empty() { Ok(Self::Whole) } else { Pattern::parse(source).map(Self::Parts) }
    }
}

/// How keys are redacted.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    scope: Scope,
    secret: Secret,
}

impl Redaction {
    /// Replaces the parts in `scope` by hashes with `secret`.
    pub(crate) const fn new(scope: Scope, secret: Secret) -> Self {
        Self { scope, secret }
    }

    /// The redacted key, which has 1 to 250 bytes like the original. If replacing parts would make it too long, the whole key
    /// is replaced.
    pub(crate) fn apply(&self, key: &Key) -> Key {
        let bytes = key.bytes();
        let parts = match &self.scope {
            Scope::Whole => return Key::new(self.hash(bytes).as_bytes()),
            Scope::Parts(pattern) => pattern.parts(bytes),
        };
        let mut out = Vec::with_capacity(bytes.len());
        let mut kept = 0;
        for part in parts {
            out.extend_from_slice(bytes.get(kept..part.start).unwrap_or_default());
            out.extend_from_slice(self.hash(bytes.get(part.clone()).unwrap_or_default()).as_bytes());
            kept = part.end;
        }
        out.extend_from_slice(bytes.get(kept..).unwrap_or_default());
        if out.len() > KEY_MAX { Key::new(self.hash(bytes).as_bytes()) } else { Key::new(&out) }
    }

    /// The text that replaces a part.
    fn hash(&self, part: &[u8]) -> String {
        let digest = self.secret.digest(part);
        let mut text = String::from(MARK);
        for byte in digest.iter().take(HASH_BYTES) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// One sentence for readers of redacted output: what was replaced and how, with an id that shows whether two outputs used
    /// the same secret. It does not reveal the secret.
    pub(crate) fn describe(&self) -> String {
        let what = match &self.scope {
            Scope::Whole => "Every key".to_owned(),
            Scope::Parts(pattern) => {
                format!("Each part of a key that {}, or the whole key if it would get too long,", pattern.describe())
            }
        };
        format!(
            "{what} is replaced by {MARK} and {} hex digits of its HMAC-SHA-256 with {}.",
            2 * HASH_BYTES,
            self.secret.describe()
        )
    }
}

#[cfg(test)]
mod tests;
