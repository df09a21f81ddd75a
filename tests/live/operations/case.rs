//! One operation: its requests, and what mctop must show of its key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mctop_test_support::version::{OLDEST, Version};

use crate::binary;

/// What a key shows in the columns of the table and in the fields of the JSON document.
#[derive(Clone, Copy)]
pub struct Cells {
    pub hits: u64,
    pub misses: u64,
    /// Of the misses, those whose item had expired.
    pub expired: u64,
    /// Of the misses, those whose item had been flushed.
    pub flushed: u64,
    pub sets: u64,
    /// Of the sets, those that stored nothing because their condition did not hold.
    pub not_stored: u64,
    /// Of the sets, those that stored nothing because the item had been changed.
    pub exists: u64,
    pub deletes: u64,
    /// Of the deletes, those that found the key.
    pub delete_hits: u64,
    pub other: u64,
    /// Of the others, those that found the key.
    pub other_hits: u64,
    /// Value bytes sent.
    pub sent: u64,
    /// Value bytes received.
    pub received: u64,
    /// Bytes of the value of the item last seen.
    pub size: Option<u64>,
    pub ttl: Ttl,
}

/// The TTL of the item last seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ttl {
    /// No item was seen.
    Unknown,
    Never,
    Seconds(i64),
}

/// No calls.
pub const NONE: Cells = Cells {
    hits: 0,
    misses: 0,
    expired: 0,
    flushed: 0,
    sets: 0,
    not_stored: 0,
    exists: 0,
    deletes: 0,
    delete_hits: 0,
    other: 0,
    other_hits: 0,
    sent: 0,
    received: 0,
    size: None,
    ttl: Ttl::Unknown,
};

/// By how much more than mctop's counts memcached's counters grow, by their names in `stats`; empty where they agree.
pub type Own = &'static [(&'static str, i64)];

/// What is sent. In text, `{k}` stands for the key, `{ks}` for the keys of all copies, `{k64}` for the key in base64, `{S}`
/// for what is written in front of the length in `ms`, and `{cas}` for the CAS number of the item.
#[derive(Clone, Copy)]
pub enum Requests {
    Text(&'static str),
    /// Text in parts that the server receives one after the other.
    Parts(&'static [&'static str]),
    /// Bytes made for a key.
    Made(fn(&str) -> Vec<u8>),
    /// Requests of the binary protocol.
    Binary(&'static [binary::Packet]),
    /// Text after which the connection answers no requests; it is answered by `OK`.
    Last(&'static str),
}

/// The form of a key.
#[derive(Clone, Copy)]
pub enum KeyForm {
    Short,
    /// With a NUL, which only the binary protocol can send.
    Nul,
    /// With a newline followed by what looks like a flag, which only base64 can send.
    Newline,
    /// Of 250 bytes.
    Longest,
}

/// One operation.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name in the documentation, in Markdown.
    pub name: &'static str,
    /// The first version that has it.
    pub since: Version,
    /// The first version without it.
    pub until: Version,
    /// Text sent before mctop watches, for each key.
    pub prepare: &'static str,
    pub requests: Requests,
    pub form: KeyForm,
    /// How many keys.
    pub copies: usize,
    /// What each key shows; `None` when nothing is counted.
    pub cells: Option<Cells>,
    pub own: Own,
}

/// A case of all versions.
pub const fn case(name: &'static str, prepare: &'static str, requests: Requests, cells: Cells) -> Case {
    let since = OLDEST;
    let until = Version([u32::MAX; 3]);
    Case { name, since, until, prepare, requests, form: KeyForm::Short, copies: 1, cells: Some(cells), own: &[] }
}

/// A case that counts nothing.
pub const fn nothing(name: &'static str, prepare: &'static str, requests: Requests) -> Case {
    Case { cells: None, ..case(name, prepare, requests, NONE) }
}

impl Case {
    pub const fn since(self, since: Version) -> Self {
        Self { since, ..self }
    }

    pub const fn until(self, until: Version) -> Self {
        Self { until, ..self }
    }

    pub const fn form(self, form: KeyForm) -> Self {
        Self { form, ..self }
    }

    pub const fn copies(self, copies: usize) -> Self {
        Self { copies, ..self }
    }

    pub const fn own(self, own: Own) -> Self {
        Self { own, ..self }
    }

    /// Its keys; `stem` is unique to the case.
    pub fn keys(&self, stem: &str) -> Vec<String> {
        (0..self.copies)
            .map(|copy| match self.form {
                KeyForm::Short if self.copies == 1 => stem.to_owned(),
                KeyForm::Short => format!("{stem}-{copy}"),
                KeyForm::Nul => format!("{stem}\0nul"),
                KeyForm::Newline => format!("{stem}\n v"),
                KeyForm::Longest => format!("{stem:k<250}"),
            })
            .collect()
    }

    /// Text that prepares the server.
    pub fn preparation(&self, stem: &str, version: Version) -> String {
        self.keys(stem).iter().map(|key| filled(self.prepare, std::slice::from_ref(key), version)).collect()
    }

    /// The requests, in parts.
    pub fn parts(&self, stem: &str, version: Version, cas: Option<&str>) -> Vec<Vec<u8>> {
        let keys = self.keys(stem);
        let text = |text: &str| filled(text, &keys, version).replace("{cas}", cas.unwrap_or("0")).into_bytes();
        match self.requests {
            Requests::Text(requests) | Requests::Last(requests) => vec![text(requests)],
            Requests::Parts(parts) => parts.iter().map(|part| text(part)).collect(),
            Requests::Made(make) => vec![make(&keys[0])],
            Requests::Binary(packets) => packets.iter().map(|packet| packet.bytes(keys[0].as_bytes())).collect(),
        }
    }

    /// Whether it needs the CAS number of its item.
    pub fn needs_cas(&self) -> bool {
        matches!(self.requests, Requests::Text(text) if text.contains("{cas}"))
    }
}

fn filled(text: &str, keys: &[String], version: Version) -> String {
    let length = if version >= mctop_test_support::version::META_LENGTH { "" } else { "S" };
    text.replace("{ks}", &keys.join(" "))
        .replace("{k64}", &STANDARD.encode(&keys[0]))
        .replace("{k}", &keys[0])
        .replace("{S}", length)
}
