//! A source that redacts the keys of another source.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::Redaction;
use crate::model::header::Header;
use crate::model::interval::{Interval, Record, RecordedInterval};
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;
use crate::model::key_sample::{KeySamples, RecordSamples, Retention, SampleConsumer};
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

    fn next(&mut self, consumer: &mut dyn SampleConsumer) -> anyhow::Result<Option<Interval>> {
        match &self.redaction {
            Some(redaction) => self.inner.next(&mut RedactingConsumer { redaction, consumer }),
            None => self.inner.next(consumer),
        }
    }

    fn next_recorded(&mut self) -> anyhow::Result<Option<RecordedInterval>> {
        if self.redaction.is_none() {
            return self.inner.next_recorded();
        }
        let mut records = Vec::new();
        Ok(self.next(&mut records)?.map(|interval| interval.with(records)))
    }

    fn watch_key(&mut self, key: Option<(u32, &Key)>) -> anyhow::Result<()> {
        if self.redaction.is_some() && key.is_some() {
            anyhow::bail!(
                "the clients of a key are not available with --redact, because mctop does not remember which key a hash replaces. \
                 Run mctop without --redact to see them"
            );
        }
        self.inner.watch_key(key)
    }

    fn key_detail(&self) -> Option<&KeyDetail> {
        self.inner.key_detail()
    }
}

/// Redacts keys before it passes samples on.
struct RedactingConsumer<'a> {
    redaction: &'a Redaction,
    consumer: &'a mut dyn SampleConsumer,
}

impl SampleConsumer for RedactingConsumer<'_> {
    /// Samples of a server whose redacted keys are equal are merged: their counts are added up, and size and TTL are kept
    /// only if they agree.
    fn consume(&mut self, start: Duration, end: Duration, samples: &mut dyn KeySamples) {
        let mut indexes = HashMap::new();
        let mut records: Vec<Record> = Vec::new();
        samples.for_each(&mut |sample| {
            let mut record = Record::from(sample);
            record.key = self.redaction.apply(&record.key);
            match indexes.entry((record.target, record.key.clone())) {
                Entry::Vacant(index) => {
                    index.insert(records.len());
                    records.push(record);
                }
                Entry::Occupied(index) => {
                    if let Some(known) = records.get_mut(*index.get()) {
                        merge(known, &record);
                    }
                }
            }
            Retention::Release
        });
        self.consumer.consume(start, end, &mut RecordSamples::new(&records));
    }
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
