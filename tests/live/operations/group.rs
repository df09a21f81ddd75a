//! Cases that are run on one server under one observer.

use std::thread::sleep;
use std::time::Duration;

use mctop_test_support::client::Client;
use mctop_test_support::expected::{Expected, Site};
use mctop_test_support::observer::Observer;
use mctop_test_support::server::Server;
use mctop_test_support::version::Version;
use serde_json::Value;

use super::case::{Case, Cells, Requests, Ttl};
use super::{binary_table, meta, text};
use crate::binary;
use crate::exact::growth;

/// By how much an item's TTL may have decreased, in seconds.
const AGE_MAX: i64 = 60;

/// What happens between the preparation of the server and the first request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    None,
    /// Items with a TTL of one second expire.
    Expire,
    /// All items are flushed.
    Flush,
}

/// Cases that are run on one server.
pub struct Group {
    /// The prefix of its keys.
    pub name: &'static str,
    /// The title of its section in the documentation.
    pub title: &'static str,
    pub pause: Pause,
    pub cases: &'static [Case],
}

const fn group(name: &'static str, title: &'static str, cases: &'static [Case]) -> Group {
    Group { name, title, pause: Pause::None, cases }
}

/// All of them, in the order of the documentation.
pub const GROUPS: &[Group] = &[
    group("reads", "Text: reads", text::READS),
    group("stores", "Text: storage commands", text::STORES),
    group("others", "Text: deletes and others", text::OTHERS),
    group("meta", "Meta commands", meta::META_COMMANDS),
    group("binary", "Binary protocol", binary_table::BINARY),
    Group { pause: Pause::Expire, ..group("expired", "Expired items", text::EXPIRED) },
    Group { pause: Pause::Flush, ..group("flushed", "Flushed items", text::FLUSHED) },
    group("uncounted", "What counts nothing", text::UNCOUNTED),
];

impl Group {
    /// Runs all cases that the server's version has; returns a sentence for each deviation.
    pub fn run(&self) -> Vec<String> {
        let server = if self.pause == Pause::None { Server::start(&[]) } else { Server::start_without_crawler() };
        let version = server.version();
        let cases: Vec<(String, &Case)> =
            self.cases.iter().enumerate().map(|(index, case)| (format!("{}-{index}", self.name), case)).collect();
        let (known, unknown): (Vec<_>, Vec<_>) =
            cases.into_iter().partition(|(_, case)| (case.since..case.until).contains(&version));
        for (_, case) in unknown {
            println!("LEFT OUT on {version}: {}, which other versions have", case.name);
        }
        let mut client = server.connect();
        let cas: Vec<Option<String>> =
            known.iter().map(|(stem, case)| prepare(&mut client, case, stem, version)).collect();
        self.pause.take(&mut client);
        let observer = Observer::start(&server, &["--detail", "full"]);
        let before = server.stats();
        for ((stem, case), cas) in known.iter().zip(cas) {
            send(&server, &mut client, case, &case.parts(stem, version, cas.as_deref()));
        }
        let after = server.stats();
        let document = observer.finish();
        document.assert_whole();
        let is_exact = document.lookup_site() == Site::Exact;
        if self.pause != Pause::None && !Expected::has(is_exact, "why lookups miss, which only the exact site tells") {
            return Vec::new();
        }
        if !binary::reads_requests(&document) && self.name == "binary" {
            return Vec::new();
        }
        document.has_probe("store", Expected::here().stores);
        let mut wrong = Vec::new();
        let mut expected_keys = 0;
        for (stem, case) in &known {
            let Some(cells) = &case.cells else { continue };
            for key in case.keys(stem) {
                expected_keys += 1;
                let Some(entry) = document.keys().iter().find(|entry| entry["key"] == key) else {
                    wrong.push(format!("{}: {key} is not shown", case.name));
                    continue;
                };
                wrong.extend(cells.contradictions(entry).into_iter().map(|what| format!("{}: {what}", case.name)));
            }
        }
        if document.keys().len() != expected_keys {
            let names: Vec<_> = document.keys().iter().map(|entry| entry["key"].to_string()).collect();
            wrong.push(format!("{} keys instead of {expected_keys}: {names:?}", names.len()));
        }
        let growth = growth(&before, &after);
        let own = |counter: &str| -> i64 {
            let of_case = |case: &Case| -> i64 {
                case.own.iter().filter(|(name, _)| *name == counter).map(|(_, more)| more).sum()
            };
            let all = known.iter().map(|(_, case)| i64::try_from(case.copies).unwrap() * of_case(case));
            all.sum()
        };
        let total = |field: &str| i64::try_from(document.total(field)).unwrap();
        for (names, ours) in [
            (&["get_hits"][..], total("hits")),
            (&["get_misses"], total("misses")),
            (&["cmd_set"], total("sets")),
            (&["delete_hits"], total("delete_hits")),
            (&["delete_misses"], total("deletes") - total("delete_hits")),
            (&["touch_hits", "incr_hits", "decr_hits"], total("other_hits")),
            (&["touch_misses", "incr_misses", "decr_misses"], total("other") - total("other_hits")),
        ] {
            let theirs: i64 = names.iter().map(|name| i64::try_from(growth(name)).unwrap()).sum();
            let more: i64 = names.iter().map(|name| own(name)).sum();
            if theirs != ours + more {
                wrong.push(format!(
                    "memcached's {} grew by {theirs}; mctop counted {ours}, declared to differ by {more}",
                    names.join(" + ")
                ));
            }
        }
        wrong
    }
}

impl Pause {
    fn take(self, client: &mut Client) {
        if self == Self::None {
            return;
        }
        // More than a second, because memcached's clock may lag.
        sleep(Duration::from_millis(2_500));
        if self == Self::Flush {
            client.ask("flush_all\r\n");
            sleep(Duration::from_millis(1_500));
        }
    }
}

/// Prepares the server for a case; returns the CAS number of its item where that is needed.
fn prepare(client: &mut Client, case: &Case, stem: &str, version: Version) -> Option<String> {
    client.ask(&case.preparation(stem, version));
    if !case.needs_cas() {
        return None;
    }
    let answer = client.ask(&format!("gets {stem}\r\n"));
    answer[0].rsplit(' ').next().map(str::to_owned)
}

/// Sends the requests of a case, and waits until all are answered.
fn send(server: &Server, client: &mut Client, case: &Case, parts: &[Vec<u8>]) {
    match case.requests {
        Requests::Binary(_) => binary::ask(&mut server.connect(), parts, usize::MAX),
        Requests::Last(_) => {
            let mut client = server.connect();
            client.send(&parts.concat());
            assert_eq!(client.line(), "OK");
        }
        _ => {
            let (last, first) = parts.split_last().unwrap();
            for part in first {
                client.send(part);
                // So that the server receives the parts one by one; the counts are the same if it does not.
                sleep(Duration::from_millis(20));
            }
            client.ask_bytes(last);
        }
    }
}

impl Cells {
    /// The fields of the JSON document that are counts.
    pub fn counts(&self) -> [(&'static str, u64); 14] {
        [
            ("calls", self.gets() + self.sets + self.deletes + self.other),
            ("gets", self.gets()),
            ("hits", self.hits),
            ("misses", self.misses),
            ("expired", self.expired),
            ("flushed", self.flushed),
            ("sets", self.sets),
            ("deletes", self.deletes),
            ("delete_hits", self.delete_hits),
            ("other", self.other),
            ("other_hits", self.other_hits),
            ("bytes_out", self.sent),
            ("bytes_in", self.received),
            ("bytes", self.sent + self.received),
        ]
    }

    fn gets(&self) -> u64 {
        self.hits + self.misses
    }

    /// The cells of a key's entry that are not as declared.
    pub fn contradictions(&self, entry: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        for (field, count) in self.counts() {
            if entry[field] != count {
                wrong.push(format!("{field} is {} and must be {count}", entry[field]));
            }
        }
        for (field, count) in [("not_stored", self.not_stored), ("exists", self.exists)] {
            if entry.get(field).is_some_and(|shown| *shown != count) {
                wrong.push(format!("{field} is {} and must be {count}", entry[field]));
            }
        }
        if entry["size"].as_u64() != self.size {
            wrong.push(format!("size is {} and must be {:?}", entry["size"], self.size));
        }
        let ttl = entry["ttl"].as_i64();
        let fits = match self.ttl {
            Ttl::Unknown => ttl.is_none(),
            Ttl::Never => ttl == Some(-1),
            Ttl::Seconds(seconds) => ttl.is_some_and(|ttl| (seconds - AGE_MAX..=seconds).contains(&ttl)),
        };
        if !fits {
            wrong.push(format!("ttl is {} and must be {}", entry["ttl"], self.ttl));
        }
        wrong
    }
}
