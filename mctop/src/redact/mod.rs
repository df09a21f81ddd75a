//! Keys can be secrets. Here they are replaced, in whole or in part, before anything that shows or writes them sees them.
//!
//! A part is replaced by [`MARK`] and the first [`HASH_BYTES`] bytes of its HMAC-SHA-256 (RFC 2104, FIPS 180-4) in hex. So
//! the same part is the same everywhere that the same secret was used, whole families of keys stay readable, and nobody
//! without the secret can try out what the part may have been.

use std::fmt::Write as _;

use mctop_common::limits::KEY_MAX;

use crate::model::key::Key;

pub mod pattern;
pub mod secret;
pub mod source;

pub use pattern::Pattern;
pub use secret::Secret;

/// Begins what stands for a replaced part.
pub const MARK: char = '~';

/// Bytes of a hash that are written, two hexadecimal digits each. Among a million different parts the probability that
/// two look the same is 3 in 100 million (the birthday bound, n²/2⁶⁵).
pub const HASH_BYTES: usize = 8;

/// What of each key is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// What matches.
    Parts(Pattern),
}

impl Scope {
    /// All of each key for an empty text, else what the regular expression matches.
    ///
    /// # Errors
    /// What is wrong with the regular expression.
    pub fn parse(source: &str) -> Result<Self, String> {
        if source.is_empty() { Ok(Self::Whole) } else { Pattern::parse(source).map(Self::Parts) }
    }
}

/// How keys are replaced.
#[derive(Clone, Debug)]
pub struct Redaction {
    scope: Scope,
    secret: Secret,
}

impl Redaction {
    /// Replaces what is in the scope by hashes under the secret.
    #[must_use]
    pub const fn new(scope: Scope, secret: Secret) -> Self {
        Self { scope, secret }
    }

    /// The key as others may see it; 1 to 250 bytes of a key of 1 to 250 bytes. Where replacing parts would make it longer
    /// than a key can be, all of it is replaced.
    #[must_use]
    pub fn apply(&self, key: &Key) -> Key {
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

    /// What stands for a part.
    fn hash(&self, part: &[u8]) -> String {
        let digest = self.secret.digest(part);
        let mut text = String::from(MARK);
        for byte in digest.iter().take(HASH_BYTES) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// One sentence for whoever reads what was redacted: what was replaced, by what, and an id that is the same where the
    /// secret was the same. It does not give the secret away.
    #[must_use]
    pub fn describe(&self) -> String {
        let what = match &self.scope {
            Scope::Whole => "Every key is".to_owned(),
            Scope::Parts(pattern) => {
                format!("What {} of a key, and every key that this would make too long, is", pattern.describe())
            }
        };
        format!(
            "{what} replaced by {MARK} and {} digits of its HMAC-SHA-256 under {}.",
            2 * HASH_BYTES,
            self.secret.describe()
        )
    }
}

#[cfg(test)]
mod tests;
