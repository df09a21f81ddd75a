//! Runs generated requests on a server under observation.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mctop_test_support::client::Client;
use mctop_test_support::expected::Expected;
use mctop_test_support::observer::{Document, Observer};
use mctop_test_support::server::Server;
use mctop_test_support::version::{META, Version};
use serde_json::Value;

use super::command::{Command, Flag, State};
use super::expected::{self, Own};
use super::request::{Random, Request};
use crate::exact::growth;
use crate::operations::case::Cells;

/// Requests under one observer, whose tables have room for their keys.
const ROUND: usize = 16_384;
/// Requests sent before answers are read: few enough that neither side waits for the other to read.
const BATCH: usize = 100;
/// The most faults that are shown.
const SHOWN: usize = 12;

/// Runs all requests of a command.
pub fn all(command: &Command) {
    // 1 MB per thousand items, and no evictions.
    let server = Server::start(&["-m", "1024", "-M"]);
    let version = server.version();
    if !server.has(META, "meta commands") {
        return;
    }
    let known: Vec<&Flag> = command.flags.iter().filter(|flag| version >= flag.since).collect();
    let requests = every(command, &known, version);
    let mut wrong = Vec::new();
    for round in requests.chunks(ROUND) {
        wrong.extend(run(&server, round, version));
    }
    println!("{} requests of {} on {version}: {} wrong", requests.len(), command.verb, wrong.len());
    let shown = wrong.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} requests are counted wrong:\n{shown}", wrong.len(), requests.len());
}

/// All subsets of the flags in all states.
fn every(command: &Command, known: &[&Flag], version: Version) -> Vec<Request> {
    let mut random = Random(1);
    let subsets = 0..1u32 << known.len();
    let cases = subsets.flat_map(|subset| command.states.iter().map(move |state| (subset, *state)));
    let numbered = cases.zip(0..);
    numbered
        .map(|((subset, state), number)| {
            let chosen: Vec<&Flag> =
                known.iter().enumerate().filter(|(index, _)| subset & 1 << index != 0).map(|(_, flag)| *flag).collect();
            Request::new(command, &chosen, state, number, version, &mut random)
        })
        .collect()
}

/// Runs requests under one observer; returns a sentence for each wrong count.
fn run(server: &Server, requests: &[Request], version: Version) -> Vec<String> {
    let mut client = server.connect();
    let cas: Vec<Option<u64>> = requests.chunks(BATCH).flat_map(|batch| prepare(&mut client, batch, version)).collect();
    let observer = Observer::start(server, &["--detail", "full"]);
    let before = server.stats();
    let mut answers = Vec::new();
    for (batch, cas) in requests.chunks(BATCH).zip(cas.chunks(BATCH)) {
        answers.extend(ask(&mut client, batch, cas));
    }
    let after = server.stats();
    let document = observer.finish_large();
    document.assert_whole();
    let outcomes = document.has_probe("store", Expected::here().stores);
    let entries = by_key(&document);
    let mut wrong = Vec::new();
    let (mut keys, mut own) = (0, Own::default());
    for ((request, cas), answer) in requests.iter().zip(cas).zip(&answers) {
        let describe = |what: String| {
            let text = request.text(cas).escape_ascii().to_string();
            let answer = answer.as_deref().map(|line| shortened(line, 20));
            format!(
                "{} (flags {}) on {:?}, answered {answer:?}: {what}",
                shortened(&text, 80),
                request.flags,
                request.state
            )
        };
        let (cells, counted) = match expected::of(request, answer.as_deref()) {
            Ok(expected) => expected,
            Err(what) => {
                wrong.push(describe(what));
                continue;
            }
        };
        own.add(&counted);
        let entry = entries.get(&request.key);
        keys += usize::from(entry.is_some());
        match (cells, entry) {
            (None, None) => {}
            (None, Some(_)) => wrong.push(describe("it is counted".into())),
            (Some(_), None) => wrong.push(describe("it is not counted".into())),
            (Some(cells), Some(entry)) => {
                let cells = if outcomes { cells } else { Cells { not_stored: 0, exists: 0, ..cells } };
                let what = cells.contradictions(entry).join(", ");
                if !what.is_empty() {
                    wrong.push(describe(what));
                }
            }
        }
    }
    if keys != entries.len() {
        wrong.push(format!("{} keys are shown, of which {keys} were asked for", entries.len()));
    }
    let growth = growth(&before, &after);
    for (names, expected) in own.counters() {
        let theirs: u64 = names.iter().map(|name| growth(name)).sum();
        if theirs != expected {
            wrong.push(format!("memcached's {} grew by {theirs}, not {expected}", names.join(" and ")));
        }
    }
    wrong
}

/// Prepares the server for some requests; returns the CAS numbers of their items where they need them.
fn prepare(client: &mut Client, requests: &[Request], version: Version) -> Vec<Option<u64>> {
    let text: Vec<u8> = requests.iter().flat_map(|request| request.preparation(version)).collect();
    let answers = client.ask_bytes(&text);
    assert!(answers.is_empty(), "the preparation failed: {answers:?}");
    let reads = |request: &&Request| {
        request.state == State::Won || request.needs_cas() && matches!(request.state, State::Live | State::Number)
    };
    let text: Vec<u8> = requests.iter().filter(reads).flat_map(Request::preparing_read).collect();
    let mut answers = client.ask_bytes(&text).into_iter();
    let cas = |answer: String| answer.split(' ').find_map(|part| part.strip_prefix('c')?.parse().ok());
    requests.iter().map(|request| reads(&request).then(|| cas(answers.next().unwrap())).flatten()).collect()
}

/// Sends requests, each with a no-operation behind it; returns the first line of each answer, none where there is no answer.
fn ask(client: &mut Client, requests: &[Request], cas: &[Option<u64>]) -> Vec<Option<String>> {
    let text = requests.iter().zip(cas).flat_map(|(request, cas)| [request.text(*cas), b"mn\r\n".to_vec()].concat());
    client.send(&text.collect::<Vec<u8>>());
    requests
        .iter()
        .map(|_| {
            let first = client.line();
            if first == "MN" {
                return None;
            }
            // The value, and, if the request was refused, the answers to its value.
            while client.line() != "MN" {}
            Some(first)
        })
        .collect()
}

/// The entries of a document by key.
fn by_key(document: &Document) -> HashMap<Vec<u8>, &Value> {
    document
        .keys()
        .iter()
        .map(|entry| {
            let key = match entry.get("key_b64").and_then(Value::as_str) {
                Some(encoded) => STANDARD.decode(encoded).unwrap(),
                None => entry["key"].as_str().unwrap().as_bytes().to_vec(),
            };
            (key, entry)
        })
        .collect()
}

/// The first characters of a text.
fn shortened(text: &str, characters: usize) -> String {
    let mut short: String = text.chars().take(characters).collect();
    if text.chars().count() > characters {
        short.push('…');
    }
    short
}
