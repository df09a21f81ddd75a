//! A source whose keys are redacted before anybody else sees them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Redaction;
use crate::model::focus::Focus;
use crate::model::interval::{Interval, Record};
use crate::model::key::Key;
use crate::model::sighting::Counter;
use crate::model::snapshot::Ttl;
use crate::source::{Header, Source};

/// A source, with redacted keys or as it is.
pub struct Redacted<S> {
    inner: S,
    header: Header,
    redaction: Option<Redaction>,
}

impl<S: Source> Redacted<S> {
    /// Redacts the keys of `inner`; without a redaction, passes everything on as it is. What a capture's keys went through
    /// before stays told.
    pub fn new(inner: S, redaction: Option<Redaction>) -> Self {
        let mut header = inner.header().clone();
        if let Some(redaction) = &redaction {
            header.redaction = Some(match header.redaction.take() {
                Some(before) => format!("{before} Then: {}", redaction.describe()),
                None => redaction.describe(),
            });
        }
        Self { inner, header, redaction }
    }

    /// The source itself.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Source> Source for Redacted<S> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next(&mut self) -> anyhow::Result<Option<Interval>> {
        let Some(mut interval) = self.inner.next()? else { return Ok(None) };
        if let Some(redaction) = &self.redaction {
            interval.records = redacted(redaction, interval.records);
        }
        Ok(Some(interval))
    }

    fn next_counted(&mut self, counter: &mut dyn Counter) -> anyhow::Result<Option<Interval>> {
        match &self.redaction {
            Some(_) => self.next(),
            None => self.inner.next_counted(counter),
        }
    }

    fn look_at(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        if self.redaction.is_some() && key.is_some() {
            anyhow::bail!("with --redact, mctop shows no key's clients: it does not keep which key a replaced one is");
        }
        self.inner.look_at(key)
    }

    fn focus(&self) -> Option<&Focus> {
        self.inner.focus()
    }
}

/// The records under their redacted keys. Those of a server that look the same now are one, with the sum of their counts;
/// its size and lifetime are known only where they agree.
fn redacted(redaction: &Redaction, records: Vec<Record>) -> Vec<Record> {
    let mut places = HashMap::with_capacity(records.len());
    let mut out: Vec<Record> = Vec::with_capacity(records.len());
    for mut record in records {
        record.key = redaction.apply(&record.key);
        match places.entry((record.target, record.key.clone())) {
            Entry::Vacant(place) => {
                place.insert(out.len());
                out.push(record);
            }
            Entry::Occupied(place) => {
                if let Some(known) = out.get_mut(*place.get()) {
                    merge(known, &record);
                }
            }
        }
    }
    out
}

fn merge(into: &mut Record, other: &Record) {
    into.counts += &other.counts;
    into.outcomes += &other.outcomes;
    if into.size != other.size {
        into.size = None;
    }
    if into.ttl != other.ttl {
        into.ttl = Ttl::Unknown;
    }
}
