//! A key's entry in an interval: written from a record, read into one, without anything in between.

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

/// A record as an entry: most keys have two or three counts that are not 0, and only those are written.
pub struct Entry<'a>(pub &'a Record);

impl Serialize for Entry<'_> {
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
pub struct Entries(pub Vec<Record>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of keys")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
                let mut records = Vec::new();
                while let Some(entry) = list.next_element::<Members>()? {
                    if records.len() == KEYS_MAX {
                        return Err(A::Error::custom(format_args!("it has more than {KEYS_MAX} keys")));
                    }
                    records.push(entry.record().map_err(A::Error::custom)?);
                }
                Ok(Entries(records))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// The members of an entry. Spelled out: flattening another struct would keep every member in memory first.
#[derive(Deserialize)]
struct Members {
    #[serde(default)]
    key: Option<Plain>,
    #[serde(default)]
    key_b64: Option<Base64>,
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

impl Members {
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
            (Some(Plain(key)), None) | (None, Some(Base64(key))) => key,
            _ => return Err("an entry needs either key or key_b64".into()),
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

/// A lifetime in machine formats: seconds, −1 for never.
///
/// # Errors
/// One sentence that says what it is instead.
pub fn ttl(ttl: Option<i64>) -> Result<Ttl, String> {
    Ok(match ttl {
        None => Ttl::Unknown,
        Some(-1) => Ttl::Never,
        Some(seconds) => Ttl::Seconds(u32::try_from(seconds).map_err(|_| format!("a ttl is {seconds}"))?),
    })
}

/// A key of a length that memcached's have.
///
/// # Errors
/// One sentence that says how long it is.
pub fn key(bytes: &[u8]) -> Result<Key, String> {
    if bytes.is_empty() || bytes.len() > KEY_MAX {
        return Err(format!("a key is {} bytes long, memcached's are 1 to {KEY_MAX}", bytes.len()));
    }
    Ok(Key::new(bytes))
}

struct Plain(Key);
struct Base64(Key);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(|text: &str| key(text.as_bytes()))).map(Self)
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decode = |text: &str| match STANDARD.decode(text) {
            Ok(bytes) => key(&bytes),
            Err(error) => Err(format!("the key_b64 {} is not base64: {error}", quoted(&format!("{text:?}")))),
        };
        deserializer.deserialize_str(Text(decode)).map(Self)
    }
}

/// Makes a key of a string where it lies.
struct Text<F>(F);

impl<F: Fn(&str) -> Result<Key, String>> Visitor<'_> for Text<F> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
        self.0(text).map_err(E::custom)
    }
}
