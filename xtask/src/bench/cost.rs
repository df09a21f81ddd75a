//! The CPU time that each observer adds to a lookup.

mod profile;
mod programs;
mod work;

use std::fs;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::observer::{Observer, WatchedProcess, Watching};
use super::report::{BenchSection, BenchTable, Bound, Goal, figure, spread_text};
use super::series::spread;
use super::tools::NOT_HERE;
use super::victim::Victim;
use super::{Bench, BenchPart};
use crate::interrupt;
use crate::load::address::Address;
use crate::load::stream::store;
use crate::server::Server;
use work::{WORKS, Work, end, measure_server, measure_victim, settle, settle_victim};

/// All rounds of one observer with one workload.
#[derive(Clone, Debug, Default)]
struct Rounds {
    /// Server CPU time per operation, ns.
    server: Vec<f64>,
    /// Server CPU time that the observer adds, compared with the same round without one, ns.
    added: Vec<f64>,
    /// What the empty program adds, measured in 1 ms turns with this observer, ns; empty except on the victim.
    reference: Vec<f64>,
    /// The observer's own CPU time per operation, ns.
    own: Vec<f64>,
    /// Operations per second.
    rate: Vec<f64>,
}

/// Whether the kernel keeps statistics of eBPF programs all the time.
const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Measures the added CPU time of each observer.
pub fn measure(bench: &Bench) -> Result<BenchSection> {
    if fs::read_to_string(STATISTICS).is_ok_and(|value| value.trim() != "0") {
        bail!(
            "{STATISTICS} is on, so the kernel times every run of an eBPF program, which distorts the result; write 0 to it first"
        );
    }
    let mut section = BenchSection::new(
        BenchPart::Cost,
        "Cost per hit",
        "CPU time that the watched process spends on each operation, including the trap and the eBPF program, from the \
         schedstat of its threads. The *victim* calls a function in a loop; observers attach to the first instruction of that \
         function, which the kernel emulates. *memcached* gets pipelined reads of keys of 21 bytes with values of 32 bytes, \
         over 2 connections with 100 keys in flight on each. A `get` of 100 keys is nearly all lookups; a pipelined `get` of \
         one key is one command and one lookup. *added* is the CPU time that an observer adds, compared with the same round \
         without one. *× empty* is the median of that relative to an empty program (`r0 = 0; exit`) at mctop's lookup probe; \
         on the victim, relative to an empty program on an identical function, which is called in alternation for a \
         millisecond each. *own* is the CPU time of the observer's own process.",
    );
    section.unavailable.extend(NOT_HERE.map(str::to_owned));
    let server = bench.server(256)?;
    store(&Address::Tcp(server.address()), 10_000)?;
    let mut victim = Victim::start(&bench.tools)?;
    let reference = Observer::Empty.start(&bench.tools, victim.reference())?;
    let mut rounds = vec![vec![Rounds::default(); Observer::ALL.len()]; WORKS.len()];
    for round in 0..bench.rounds(9) {
        eprintln!("bench: cost, round {}", round + 1);
        one_round(bench, &server, &mut victim, &mut rounds, &mut section)?;
    }
    end(reference, Observer::Empty, &mut section)?;
    for (work, rounds) in WORKS.iter().zip(&rounds) {
        section.tables.push(table(*work, rounds));
    }
    let programs = programs::measure(bench, &server, &mut section)?;
    section.tables.push(programs);
    let profile = profile::measure(bench, &mut victim, &mut section)?;
    section.tables.extend(profile);
    section.goals = goals(&rounds);
    section.notes.push(format!("mctop's lookup probe in this memcached is at `{}`.", bench.points.instruction));
    section.data = data(&rounds);
    Ok(section)
}

/// Measures each observer in turn, with every workload that it supports.
fn one_round(
    bench: &Bench,
    server: &Server,
    victim: &mut Victim,
    rounds: &mut [Vec<Rounds>],
    section: &mut BenchSection,
) -> Result<()> {
    let reads = bench.subject(server);
    let mut baseline = vec![0.0; WORKS.len()];
    for (index, observer) in Observer::ALL.into_iter().enumerate() {
        for on_victim in [true, false] {
            let subject = if on_victim { victim.subject().clone() } else { reads.clone() };
            let Some(watching) = start(bench, observer, &subject, section)? else { continue };
            if on_victim {
                settle_victim(victim)?;
            } else {
                settle(server)?;
            }
            for (number, work) in WORKS.into_iter().enumerate() {
                interrupt::check()?;
                let before = watching.cpu_ns()?;
                let (mut sample, operations) = match work {
                    Work::Victim { keys } if on_victim => measure_victim(bench, victim, keys)?,
                    Work::Reads { keys, per_get } if !on_victim => measure_server(bench, server, keys, per_get)?,
                    _ => continue,
                };
                sample.own = (watching.cpu_ns()? - before) as f64 / operations as f64;
                let Some(rounds) = rounds.get_mut(number).and_then(|rounds| rounds.get_mut(index)) else { continue };
                if observer == Observer::Unobserved {
                    baseline[number] = sample.server;
                }
                let added = sample.server - baseline[number];
                rounds.server.push(sample.server);
                rounds.added.push(added);
                rounds.reference.extend(sample.reference.map(|reference| reference - baseline[number]));
                rounds.own.push(sample.own);
                rounds.rate.push(sample.rate);
            }
            end(watching, observer, section)?;
        }
    }
    Ok(())
}

/// Starts an observer; one that is unavailable is noted once.
fn start(
    bench: &Bench,
    observer: Observer,
    subject: &WatchedProcess,
    section: &mut BenchSection,
) -> Result<Option<Watching>> {
    match observer.start(&bench.tools, subject) {
        Ok(watching) => Ok(Some(watching)),
        Err(error) => {
            interrupt::check()?;
            let on = if subject.address.is_some() { "memcached" } else { "the victim" };
            let reason = format!("{} on {on}: {error:#}", observer.name());
            if !section.unavailable.contains(&reason) {
                section.unavailable.push(reason);
            }
            Ok(None)
        }
    }
}

/// What one observer adds, relative to another.
fn ratio(rounds: &[Rounds], of: Observer, to: Observer) -> Option<f64> {
    Some(cost(rounds, of)? / cost(rounds, to)?)
}

/// The median of an observer's ratios to the empty program where both were measured in turns, else of the CPU time it adds.
fn cost(rounds: &[Rounds], observer: Observer) -> Option<f64> {
    let Rounds { added, reference, .. } = at(rounds, observer)?;
    let ratios: Vec<f64> = added.iter().zip(reference).map(|(added, reference)| added / reference).collect();
    spread(if reference.is_empty() { added } else { &ratios }).map(|spread| spread.median)
}

fn at(rounds: &[Rounds], observer: Observer) -> Option<&Rounds> {
    Observer::ALL.iter().position(|each| *each == observer).and_then(|index| rounds.get(index))
}

fn goals(rounds: &[Vec<Rounds>]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (work, rounds) in WORKS.into_iter().zip(rounds) {
        let name = work.name();
        if matches!(work, Work::Reads { per_get: 1, .. }) {
            let figure = ratio(rounds, Observer::Mctop, Observer::Empty);
            goals.push(Goal::new(
                format!("mctop full, relative to the empty program ({name})"),
                Bound::AtMost(2.2),
                figure,
                "×",
            ));
            continue;
        }
        let lookup = Observer::MctopLookup;
        let mut goal = |what: &str, of, to, bound| {
            goals.push(Goal::new(format!("{what} ({name})"), bound, ratio(rounds, of, to), "×"));
        };
        goal("mctop lookup, relative to the empty program", lookup, Observer::Empty, Bound::AtMost(1.30));
        goal("mctop lookup, relative to bpftrace's count", lookup, Observer::BpftraceCount, Bound::AtMost(0.85));
        goal("bpftrace's hit/miss, relative to mctop lookup", Observer::BpftraceOutcome, lookup, Bound::AtLeast(1.5));
    }
    goals
}

fn table(work: Work, rounds: &[Rounds]) -> BenchTable {
    let measured = Observer::ALL.into_iter().zip(rounds).filter(|(_, rounds)| !rounds.server.is_empty());
    let rows = measured.map(|(observer, each)| {
        let watched = |text: String| if observer == Observer::Unobserved { "-".into() } else { text };
        vec![
            observer.name().to_owned(),
            spread_text(&each.server),
            watched(spread_text(&each.added)),
            watched(ratio(rounds, observer, Observer::Empty).map_or_else(|| "-".into(), figure)),
            watched(spread_text(&each.own)),
            spread(&each.rate).map_or_else(|| "-".into(), |spread| figure(spread.median)),
        ]
    });
    BenchTable {
        title: format!("{}:", work.name()),
        head: ["observer", "CPU ns/operation", "added ns", "× empty", "own ns/operation", "operations/s"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    }
}

fn data(rounds: &[Vec<Rounds>]) -> Value {
    let each = WORKS.iter().zip(rounds).map(|(work, rounds)| {
        let observers = Observer::ALL.iter().zip(rounds).map(|(observer, rounds)| {
            json!({
                "observer": observer.name(), "cpu_ns": rounds.server, "added_ns": rounds.added,
                "reference_ns": rounds.reference, "own_ns": rounds.own, "per_second": rounds.rate,
            })
        });
        json!({ "work": work.name(), "observers": observers.collect::<Vec<_>>() })
    });
    each.collect()
}
