//! The secret that hashes are made with.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use mctop_common::limits::KEY_MAX;
use sha2::Sha256;

/// Fewest bytes of a secret: 128 bits, if they are random.
pub const SECRET_MIN: usize = 16;
/// Most bytes of a secret: none is longer that was made for the purpose.
pub const SECRET_MAX: usize = 4096;

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Made for one run of the program, and forgotten with it.
    Run,
    /// Kept by the user, for hashes that are the same in every run.
    Kept,
}

/// A key of HMAC-SHA-256 (RFC 2104).
#[derive(Clone)]
pub struct Secret {
    mac: Hmac<Sha256>,
    lifetime: Lifetime,
}

impl Secret {
    /// A secret of these bytes.
    ///
    /// # Errors
    /// One sentence when there are fewer than [`SECRET_MIN`] or more than [`SECRET_MAX`].
    pub fn new(bytes: &[u8], lifetime: Lifetime) -> Result<Self, String> {
        if !(SECRET_MIN..=SECRET_MAX).contains(&bytes.len()) {
            return Err(format!("it has {} bytes, and a key needs {SECRET_MIN} to {SECRET_MAX}", bytes.len()));
        }
        let mac = Hmac::new_from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(Self { mac, lifetime })
    }

    /// The HMAC of a part of a key.
    pub(super) fn digest(&self, part: &[u8]) -> [u8; 32] {
        self.mac.clone().chain_update(part).finalize().into_bytes().into()
    }

    /// Tells one secret from another without telling it: the HMAC of what is too long to be a key.
    fn id(&self) -> String {
        let [a, b, c, d, ..] = self.digest(&[0; KEY_MAX + 1]);
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    /// Where it comes from, and its id.
    pub(super) fn describe(&self) -> String {
        match self.lifetime {
            Lifetime::Run => format!("a random key of this run (id {})", self.id()),
            Lifetime::Kept => format!("a key that is kept (id {})", self.id()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
