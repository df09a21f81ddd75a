//! The secret key of the hashes.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use mctop_common::limits::KEY_MAX;
use sha2::Sha256;

/// Minimum length of a secret, bytes: 128 bits if they are random.
pub(crate) const SECRET_MIN: usize = 16;
/// Maximum length of a secret, bytes. A longer file is probably not a secret.
pub(crate) const SECRET_MAX: usize = 4096;

/// Where a secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretOrigin {
    /// Random, for one run of mctop, and not saved.
    Random,
    /// A file of the user, so that hashes are the same in every run.
    KeyFile,
}

/// A key for HMAC-SHA-256 (RFC 2104).
#[derive(Clone)]
pub(crate) struct Secret {
    mac: Hmac<Sha256>,
    origin: SecretOrigin,
}

impl Secret {
    /// Makes a secret from bytes.
    ///
    /// # Errors
    /// When there are fewer than [`SECRET_MIN`] or more than [`SECRET_MAX`] of them.
    pub(crate) fn new(bytes: &[u8], origin: SecretOrigin) -> Result<Self, String> {
        if !(SECRET_MIN..=SECRET_MAX).contains(&bytes.len()) {
            return Err(format!("it has {} bytes, but a key must have {SECRET_MIN} to {SECRET_MAX}", bytes.len()));
        }
        let mac = Hmac::new_from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(Self { mac, origin })
    }

    /// The HMAC of a part of a memcached key.
    pub(super) fn digest(&self, part: &[u8]) -> [u8; 32] {
        self.mac.clone().chain_update(part).finalize().into_bytes().into()
    }

    /// Identifies the secret without revealing it: the HMAC of a message that is too long to be a memcached key.
    fn id(&self) -> String {
        let [a, b, c, d, ..] = self.digest(&[0; KEY_MAX + 1]);
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    /// Where the secret comes from, and its id.
    pub(super) fn describe(&self) -> String {
        match self.origin {
            SecretOrigin::Random => format!("a random secret used only in this run (id {})", self.id()),
            SecretOrigin::KeyFile => format!("a secret from a file (id {})", self.id()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}
