//! A source that redacts the keys of another source.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Redaction;
use crate::model::header::Header;
use crate::model::interval::{Interval, Record};
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;
use crate::model::key_sample::SampleCounter;
use crate::model::snapshot::Ttl;
use crate::source::Source;

/// A source with redacted keys, or unchanged if there is no redaction.
pub(crate) struct RedactedSource<S> {
    inner: S,
    header: Header,
    redaction: Option<Redaction>,
}

impl<S: Source> RedactedSource<S> {
    /// Redacts the keys of `inner`, or passes everything on unchanged without a redaction. If a capture was redacted before,
    /// its header keeps that note.
    pub(crate) fn new(inner: S, redaction: Option<Redaction>) -> Self {
        let mut header = inner.header().clone();
        if let Some(redaction) = &redaction {
            header.redaction = Some(match header.redaction.take() {
                Some(before) => format!("{before} Then: {}", redaction.describe()),
                None => redaction.describe(),
            });
        }
        Self { inner, header, redaction }
    }

    /// The inner source.
    pub(crate) const fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Source> Source for RedactedSource<S> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next(&mut self) -> anyhow::Result<Option<Interval>> {
        let Some(mut interval) = self.inner.next()? else { return Ok(None) };
        if let Some(redaction) = &self.redaction {
            interval.records = redact_records(redaction, interval.records);
        }
        Ok(Some(interval))
    }

    fn next_counted(&mut self, counter: &mut dyn SampleCounter) -> anyhow::Result<Option<Interval>> {
        match &self.redaction {
            Some(_) => self.next(),
            None => self.inner.next_counted(counter),
        }
    }

    fn watch_key(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        if self.redaction.is_some() && key.is_some() {
            anyhow::bail!(
                "the clients of a key are not available with --redact, because mctop does not remember which key a hash replaces; to \
                 see them, run mctop without --redact"
            );
        }
        self.inner.watch_key(key)
    }

    fn key_detail(&self) -> Option<&KeyDetail> {
        self.inner.key_detail()
    }
}

/// Redacts the keys of the records. Records of a server that get the same key are merged: their counts are added up, and size
/// and TTL are kept only if they agree.
fn redact_records(redaction: &Redaction, records: Vec<Record>) -> Vec<Record> {
    let mut indexes = HashMap::with_capacity(records.len());
    let mut out: Vec<Record> = Vec::with_capacity(records.len());
    for mut record in records {
        record.key = redaction.apply(&record.key);
        match indexes.entry((record.target, record.key.clone())) {
            Entry::Vacant(index) => {
                index.insert(out.len());
                out.push(record);
            }
            Entry::Occupied(index) => {
                if let Some(known) = out.get_mut(*index.get()) {
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
