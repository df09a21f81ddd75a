//! Feeds damaged captures to the reader, and what it accepts to the model and the reports, for as long as wanted.
//!
//! `cargo run --release -p mctop --example fuzz_reader -- FILE SECONDS [SEED]`: FILE is a capture, not compressed. Whatever
//! panics, or does not add up, ends it with the seed and number of the case. At its end it says how many cases there were and
//! what came of them.

#![allow(clippy::unwrap_used, reason = "an example that cannot go on has failed")]

use std::time::{Duration, Instant};

use mctop::internal::{Format, Look, MIN_MEMORY, UNICODE, write};
use mctop::{Ending, Limits, Model, Reader, Source as _, View};

/// Texts that parsers stumble over.
const TOKENS: [&str; 16] = [
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "1e308",
    "1e-400",
    "null",
    "{}",
    "[]",
    "\"\"",
    "\\u0000",
    "\\ud800",
    "\n",
    "{\"type\":\"interval\",",
    "\"others\":{\"keys\":1,",
    "\"cost\":{\"hits\":1,\"probes_ns\":1,\"servers_ns\":1},",
    "\u{202e}",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let original = std::fs::read(arguments.next().unwrap()).unwrap();
    let limit = Duration::from_secs(arguments.next().unwrap().parse().unwrap());
    let seed: u64 = arguments.next().map_or(1, |seed| seed.parse().unwrap());
    let begin = Instant::now();
    let [mut whole, mut cut_off, mut damaged, mut refused, mut intervals] = [0_u64; 5];
    let mut case = 0_u64;
    while begin.elapsed() < limit {
        case += 1;
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ case);
        let file = mutated(&original, &mut random);
        let Ok(mut reader) = Reader::new(&*file, "fuzzed".into()) else {
            refused += 1;
            continue;
        };
        let mut model = Model::new(reader.header(), Limits::for_memory(MIN_MEMORY));
        let end = loop {
            match reader.next_recorded() {
                Ok(Some(interval)) => {
                    assert_eq!(interval.unexplained(), (0, 0), "seed {seed} case {case}");
                    model.fold(&interval);
                    intervals += 1;
                }
                Ok(None) => break Some(reader.ending()),
                Err(_) => break None,
            }
        };
        match end {
            Some(Ending::CutOff) => cut_off += 1,
            Some(_) => whole += 1,
            None => damaged += 1,
        }
        let snapshot = model.snapshot(false);
        for format in [Format::Table, Format::Json, Format::Ndjson, Format::Csv, Format::Markdown] {
            let look = Look { width: Some(80), glyphs: UNICODE };
            write(format, &snapshot, &View::default(), look, &mut std::io::sink()).unwrap();
        }
    }
    println!(
        "{case} files in {:.0} s, seed {seed}: {refused} no captures, {damaged} damaged, {cut_off} cut off, {whole} accepted; \
         {intervals} intervals read, all sums hold",
        begin.elapsed().as_secs_f64()
    );
}

/// The file with one to eight changes.
fn mutated(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut file = original.to_vec();
    for _ in 0..=random.below(8) {
        let at = random.below(file.len().max(1));
        let to = (at + random.below(200)).min(file.len());
        match random.below(7) {
            0 => file.truncate(at),
            1 => drop(file.drain(at..to)),
            2 => {
                let again = file[at..to].to_vec();
                file.splice(at..at, again);
            }
            3 => drop(file.splice(at..to, TOKENS[random.below(TOKENS.len())].bytes())),
            4 => drop(file.splice(at..at, TOKENS[random.below(TOKENS.len())].bytes())),
            5 => number(&mut file, at, random),
            _ => {
                if let Some(byte) = file.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    file
}

/// Replaces the next number.
fn number(file: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(begin) = (at..file.len()).find(|index| file[*index].is_ascii_digit()) else { return };
    let end = (begin..file.len()).find(|index| !file[*index].is_ascii_digit()).unwrap_or(file.len());
    let other = match random.below(3) {
        0 => TOKENS[random.below(5)].to_owned(),
        1 => (random.next() >> random.below(64)).to_string(),
        _ => random.below(300).to_string(),
    };
    file.splice(begin..end, other.bytes());
}

/// Knuth's generator for 64 bits (The Art of Computer Programming 3.3.4), of which the high bits are used.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from((self.next() >> 16) % limit.max(1) as u64).unwrap_or(0)
    }
}
