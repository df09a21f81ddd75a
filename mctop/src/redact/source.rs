//! A source that redacts the keys of another source.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::Redaction;
use crate::model::header::Header;
use crate::model::interval::{Interval, Record, RecordedInterval};
use crate::model::key::Key;
use crate::model::key_detail::KeyDetail;
use crate::model::key_sample::{KeySamples, Retention, SampleConsumer};
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
        if self.redaction.is_none() {
            return self.inner.next(consumer);
        }
        Ok(self.next_recorded()?.map(|recorded| {
            recorded.pass_to(consumer);
            recorded.interval
        }))
    }

    fn next_recorded(&mut self) -> anyhow::Result<Option<RecordedInterval>> {
        let Some(redaction) = &self.redaction else { return self.inner.next_recorded() };
        let mut redacted = RedactedRecords { redaction, records: Vec::new() };
        Ok(self.inner.next(&mut redacted)?.map(|interval| interval.with(redacted.records)))
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

/// Copies of samples with redacted keys.
struct RedactedRecords<'a> {
    redaction: &'a Redaction,
    records: Vec<Record>,
}

impl SampleConsumer for RedactedRecords<'_> {
    /// Samples of a server whose redacted keys are equal are merged: their counts are added up, and size and TTL are kept
    /// only if they agree.
    fn consume(&mut self, _start: Duration, _end: Duration, samples: &mut dyn KeySamples) {
        let mut indexes = HashMap::new();
        samples.for_each(&mut |sample| {
            let mut record = Record::from(sample);
            record.key = self.redaction.apply(&record.key);
            match indexes.entry((record.target, record.key.clone())) {
                Entry::Vacant(index) => {
                    index.insert(self.records.len());
                    self.records.push(record);
                }
                Entry::Occupied(index) => {
                    if let Some(known) = self.records.get_mut(*index.get()) {
                        merge(known, &record);
                    }
                }
            }
            Retention::Release
        });
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
