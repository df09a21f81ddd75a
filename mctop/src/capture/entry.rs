//! The entry of a key in an interval: records are serialised and deserialised directly, without an intermediate copy.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mctop_common::limits::KEY_MAX;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::KEYS_MAX;
use super::quote::quoted;
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
pub(super) struct KeyEntries(pub Vec<Record>);

impl<'de> Deserialize<'de> for KeyEntries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = KeyEntries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of keys")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<KeyEntries, A::Error> {
                let mut records = Vec::new();
                while let Some(Entry(record)) = list.next_element()? {
                    if records.len() == KEYS_MAX {
                        return Err(A::Error::custom(format_args!("it has more than {KEYS_MAX} keys")));
                    }
                    records.push(record);
                }
                Ok(KeyEntries(records))
            }
        }
        deserializer.deserialize_seq(EntriesVisitor)
    }
}

/// An entry that was read. Its fields are read by hand, because serde would buffer the fields of flattened structs in memory.
struct Entry(Record);

/// The name of a field.
enum Field {
    Key,
    KeyBase64,
    Target,
    Size,
    Ttl,
    /// Index of a counter.
    Count(usize),
    /// Index of an outcome.
    Outcome(usize),
    Unknown,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let index = |names: &[&str], name: &str| names.iter().position(|known| *known == name);
        let field = |name: &str| {
            Ok(match name {
                "key" => Self::Key,
                "key_b64" => Self::KeyBase64,
                "target" => Self::Target,
                "size" => Self::Size,
                "ttl" => Self::Ttl,
                _ => match index(&Counts::NAMES, name) {
                    Some(index) => Self::Count(index),
                    None => index(&Outcomes::NAMES, name).map_or(Self::Unknown, Self::Outcome),
                },
            })
        };
        deserializer.deserialize_str(StrVisitor("a field", field))
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an entry")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let (mut plain, mut base64, mut target, mut size, mut ttl) = (None, None, None, None, None);
                let (mut counts, mut outcomes) = ([None; Counts::LEN], [None; Outcomes::LEN]);
                while let Some(field) = map.next_key()? {
                    match field {
                        Field::Key => set(&mut plain, map.next_value::<PlainKey>()?.0)?,
                        Field::KeyBase64 => set(&mut base64, map.next_value::<Base64Key>()?.0)?,
                        Field::Target => set(&mut target, map.next_value()?)?,
                        Field::Size => set(&mut size, map.next_value::<Option<u32>>()?)?,
                        Field::Ttl => set(&mut ttl, map.next_value::<Option<i64>>()?)?,
                        Field::Count(index) => set(&mut counts[index], map.next_value()?)?,
                        Field::Outcome(index) => set(&mut outcomes[index], map.next_value()?)?,
                        Field::Unknown => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                let ((Some(key), None) | (None, Some(key))) = (plain, base64) else {
                    return Err(A::Error::custom("an entry must have either key or key_b64"));
                };
                Ok(Entry(Record {
                    key,
                    target: target.unwrap_or_default(),
                    counts: Counts::from_values(counts.map(Option::unwrap_or_default)),
                    size: size.flatten(),
                    ttl: self::ttl(ttl.flatten()).map_err(A::Error::custom)?,
                    outcomes: Outcomes::from_values(outcomes.map(Option::unwrap_or_default)),
                }))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Sets the value of a field that must not be repeated.
fn set<T, E: serde::de::Error>(field: &mut Option<T>, value: T) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("an entry has a field twice")),
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
        deserializer.deserialize_str(StrVisitor("a key", |text: &str| checked_key(text.as_bytes()))).map(Self)
    }
}

impl<'de> Deserialize<'de> for Base64Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decode = |text: &str| match STANDARD.decode(text) {
            Ok(bytes) => checked_key(&bytes),
            Err(error) => Err(format!("the key_b64 {} is not base64: {error}", quoted(&format!("{text:?}")))),
        };
        deserializer.deserialize_str(StrVisitor("a key", decode)).map(Self)
    }
}

/// Makes a value, as which it is described, from a string without copying the string first.
struct StrVisitor<F>(&'static str, F);

impl<T, F: Fn(&str) -> Result<T, String>> Visitor<'_> for StrVisitor<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        self.1(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_are_wrong_or_ambiguous_are_refused() {
        let refusal =
            |entry: &str| serde_json::from_str::<KeyEntries>(&format!("[{entry}]")).err().unwrap().to_string();
        for (entry, why) in [
            (r#"{"hits":1}"#, "either key or key_b64"),
            (r#"{"key":"a","key_b64":"YQ=="}"#, "either key or key_b64"),
            (r#"{"key":"a","key":"a"}"#, "twice"),
            (r#"{"key":"a","hits":0,"hits":1}"#, "twice"),
            (r#"{"key":"a","evicted":1,"evicted":1}"#, "twice"),
            (r#"{"key":""}"#, "0 bytes long"),
            (r#"{"key":null}"#, "a key"),
            (r#"{"key_b64":"*"}"#, "not base64"),
            (r#"{"key":"a","ttl":-2}"#, "-1 or seconds"),
            (r#"{"key":"a","size":4294967296}"#, "u32"),
            (r#"{"key":"a","hits":-1}"#, "u64"),
            (r#"{"key":"a","hits":"1"}"#, "u64"),
        ] {
            let said = refusal(entry);
            assert!(said.contains(why), "{why} is not in: {said}");
        }
    }

    #[test]
    fn unknown_and_escaped_fields_of_an_entry_are_read() {
        let entry = r#"[{"\u006bey":"\u00e9","later":{"hits":7},"hits":1}]"#;
        let KeyEntries(records) = serde_json::from_str(entry).ok().unwrap();
        assert_eq!((records[0].key.as_str(), records[0].counts.calls()), (Some("é"), 1));
    }
}
