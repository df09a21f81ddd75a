//! Prints a capture as the hottest key of each interval: `cargo run --example read_capture -- FILE`.

use std::path::Path;

use anyhow::Context;
use mctop::{Ending, Reader, RecordedInterval, Source};

fn main() -> anyhow::Result<()> {
    let file = std::env::args_os().nth(1).context("usage: read_capture FILE")?;
    let mut capture = Reader::open(Path::new(&file))?;
    while let Some(RecordedInterval { interval, records }) = capture.next_recorded()? {
        let seconds = interval.start.as_secs_f64();
        match records.iter().max_by_key(|record| record.counts.calls()) {
            Some(record) => println!("{seconds:6.1} s  {}  {} calls", record.key, record.counts.calls()),
            None => println!("{seconds:6.1} s  no calls"),
        }
    }
    if capture.ending() == Ending::CutOff {
        println!("The capture was cut off: mctop was killed while it wrote.");
    }
    Ok(())
}
