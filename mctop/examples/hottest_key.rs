//! Prints the hottest key of each running memcached server over five seconds: `cargo run --example hottest_key`, as root.

use std::thread;
use std::time::Duration;

use mctop::{Column, Limits, Live, Model, ProbeSettings, Selection, Source, View};

fn main() -> anyhow::Result<()> {
    let mut probes = Live::attach(&Selection::default(), &ProbeSettings::default())?;
    let mut model = Model::new(probes.header(), Limits::default());
    for _ in 0..5 {
        thread::sleep(Duration::from_secs(1));
        if let Some(interval) = probes.next(&mut model)? {
            model.end_interval(&interval);
        }
    }
    drop(probes);
    let snapshot = model.snapshot(false);
    let by_calls = View { sort: Column::Calls, ..View::default() }.rows(&snapshot);
    for (index, server) in (0..).zip(snapshot.targets.iter()) {
        print!("memcached {} at {}: ", server.pid, server.listen.join(", "));
        match by_calls.iter().find(|row| row.target == index) {
            Some(row) => println!("{} {} calls, {} B", row.key, row.total.calls(), row.total.bytes_out),
            None => println!("no key was asked for"),
        }
    }
    Ok(())
}
