//! Filters: every text is accepted or refused with a message, and what is accepted can be applied to a row.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mctop::{Filter, Header, Interval, Key, Limits, Model, Record, Ttl, View};

fuzz_target!(|text: &str| {
    let Ok(filter) = Filter::parse(text) else { return };
    let mut interval = Interval { end: std::time::Duration::from_secs(1), ..Interval::default() };
    interval.total.hits = 1;
    let counts = interval.total;
    let (key, ttl, outcomes) = (Key::new(b"user:1\xff\x1b"), Ttl::Never, Default::default());
    let records = vec![Record { key, target: 0, counts, size: Some(1), ttl, outcomes }];
    let mut model = Model::new(&Header::default(), Limits::default());
    model.fold(&interval.with(records));
    let view = View { filter: Some(filter), ..View::default() };
    assert!(view.rows(&model.snapshot(false)).len() <= 1);
});
