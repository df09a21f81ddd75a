//! Hot keys among ten million others, at the default memory: `cargo run --release --example churn`.
//!
//! A million operations a second, 65,536 keys told apart by the kernel in each; one more key turns hot after half the time.

#[path = "../../tests/churn/simulation.rs"]
mod simulation;

use mctop::Limits;
use simulation::{Pattern, Scenario, run};

fn main() {
    println!(
        "{:<11} {:>10} {:>11} {:>12} {:>9} {:>7} {:>10} {:>8}",
        "pattern", "recall@100", "worst error", "hot key rank", "truly", "rows", "most error", "window"
    );
    for pattern in [Pattern::Zipf(0.99), Pattern::Zipf(1.2), Pattern::Scan] {
        let scenario = Scenario {
            pattern,
            population: 10_000_000,
            operations: 1_000_000,
            table: 65_536,
            intervals: 60,
            hot_from: 30,
            limits: Limits::default(),
        };
        // Of a scan only the hot key stands out.
        let top = if matches!(pattern, Pattern::Scan) { 1 } else { 100 };
        let mut window = Default::default();
        let outcome = run(&scenario, top, |snapshot| window = snapshot.window);
        println!(
            "{:<11} {:>9.1}% {:>10.3}% {:>12} {:>10} {:>7} {:>10} {:>8.0?}",
            format!("{pattern:?}"),
            outcome.recall * 100.0,
            outcome.worst_error * 100.0,
            outcome.hot_rank,
            outcome.hot_rank_truly,
            outcome.rows,
            outcome.bound,
            window,
        );
    }
}
