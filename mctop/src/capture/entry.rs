//! The entry of a key in an interval: records are serialised and deserialised directly, without an intermediate copy.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mctop_common::limits::KEY_MAX;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::KEYS_MAX;
use super::format::quoted;
use crate::model::counts::Counts;
use crate::model::interval::Record;
use crate::model::key::Key;
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::Ttl;

/// Writes a record as an entry. Counts of 0 are left out, because most keys have only two or three others.
pub(super) struct KeyEntry<'a>(pub &'a Record);

impl Serialize for KeyEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        match record.key.as_str() {
            Some(text) => map.serialize_entry("key", text)?,
            None => map.serialize_entry("key_b64", &STANDARD.encode(record.key.bytes()))?,
        }
        if record.target != 0 {
            map.serialize_entry("target", &record.target)?;
        }
        if let Some(size) = record.size {
            map.serialize_entry("size", &size)?;
        }
        match record.ttl {
            Ttl::Unknown => {}
            Ttl::Seconds(seconds) => map.serialize_entry("ttl", &seconds)?,
            Ttl::Never => map.serialize_entry("ttl", &-1)?,
        }
        let counts = record.counts.named().into_iter().chain(record.outcomes.named());
        for (name, count) in counts.filter(|(_, count)| *count != 0) {
            map.serialize_entry(name, &count)?;
        }
        map.end()
    }
}

/// The entries of an interval, at most [`KEYS_MAX`].
#[derive(Debug, Default, PartialEq)]
pub(super) struct KeyEntries(pub Vec<Record>);

impl<'de> Deserialize<'de> for KeyEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = KeyEntries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of keys")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<KeyEntries, A::Error> {
                let mut records = Vec::new();
                while let Some(entry) = list.next_element::<EntryFields>()? {
                    if records.len() == KEYS_MAX {
                        return Err(A::Error::custom(format_args!("it has more than {KEYS_MAX} keys")));
                    }
                    records.push(entry.record().map_err(A::Error::custom)?);
                }
                Ok(KeyEntries(records))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// The fields of an entry. They are spelled out because serde buffers all fields of a flattened struct in memory.
#[derive(Deserialize)]
struct EntryFields {
    #[serde(default)]
    key: Option<PlainKey>,
    #[serde(default)]
    key_b64: Option<Base64Key>,
    #[serde(default)]
    target: u32,
    #[serde(default)]
    size: Option<u32>,
    /// Seconds, −1 for never.
    #[serde(default)]
    ttl: Option<i64>,
    #[serde(default)]
    hits: u64,
    #[serde(default)]
    misses: u64,
    #[serde(default)]
    expired: u64,
    #[serde(default)]
    flushed: u64,
    #[serde(default)]
    sets: u64,
    #[serde(default)]
    deletes: u64,
    #[serde(default)]
    delete_hits: u64,
    #[serde(default)]
    other: u64,
    #[serde(default)]
    other_hits: u64,
    #[serde(default)]
    bytes_out: u64,
    #[serde(default)]
    bytes_in: u64,
    #[serde(default)]
    not_stored: u64,
    #[serde(default)]
    exists: u64,
    #[serde(default)]
    evicted: u64,
}

impl EntryFields {
    fn record(self) -> Result<Record, String> {
        let Self {
            key,
            key_b64,
            target,
            size,
            ttl,
            hits,
            misses,
            expired,
            flushed,
            sets,
            deletes,
            delete_hits,
            other,
            other_hits,
            bytes_out,
            bytes_in,
            not_stored,
            exists,
            evicted,
        } = self;
        let key = match (key, key_b64) {
            (Some(PlainKey(key)), None) | (None, Some(Base64Key(key))) => key,
            _ => return Err("an entry must have either key or key_b64".into()),
        };
        let ttl = self::ttl(ttl)?;
        let counts = Counts {
            hits,
            misses,
            expired,
            flushed,
            sets,
            deletes,
            delete_hits,
            other,
            other_hits,
            bytes_out,
            bytes_in,
        };
        let outcomes = Outcomes { not_stored, exists, evicted };
        Ok(Record { key, target, counts, size, ttl, outcomes })
    }
}

/// A lifetime in machine formats: seconds, or -1 for never.
///
/// # Errors
/// Says what it is instead, in one sentence.
pub(super) fn ttl(ttl: Option<i64>) -> Result<Ttl, String> {
    Ok(match ttl {
        None => Ttl::Unknown,
        Some(-1) => Ttl::Never,
        Some(seconds) => Ttl::Seconds(
            u32::try_from(seconds).map_err(|_| format!("a ttl is {seconds}; expected -1 or seconds as 32 bits"))?,
        ),
    })
}

/// A key, after checking its length.
///
/// # Errors
/// Says how long it is, and how long keys can be.
pub(super) fn checked_key(bytes: &[u8]) -> Result<Key, String> {
    if bytes.is_empty() || bytes.len() > KEY_MAX {
        return Err(format!("a key is {} bytes long; memcached keys have 1 to {KEY_MAX}", bytes.len()));
    }
    Ok(Key::new(bytes))
}

struct PlainKey(Key);
struct Base64Key(Key);

impl<'de> Deserialize<'de> for PlainKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor(|text: &str| checked_key(text.as_bytes()))).map(Self)
    }
}

impl<'de> Deserialize<'de> for Base64Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decode = |text: &str| match STANDARD.decode(text) {
            Ok(bytes) => checked_key(&bytes),
            Err(error) => Err(format!("the key_b64 {} is not base64: {error}", quoted(&format!("{text:?}")))),
        };
        deserializer.deserialize_str(KeyVisitor(decode)).map(Self)
    }
}

/// Makes a key from a string without copying the string first.
struct KeyVisitor<F>(F);

impl<F: Fn(&str) -> Result<Key, String>> Visitor<'_> for KeyVisitor<F> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
        self.0(text).map_err(E::custom)
    }
}
