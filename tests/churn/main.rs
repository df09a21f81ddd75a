//! Hot keys among more keys than there is memory for. `cargo run --release --example churn` does the same at full scale.

mod simulation;

use mctop::Limits;
use simulation::{Outcome, Pattern, Scenario, run};

/// A fiftieth to a tenth of a busy server and of the default memory.
fn scenario(pattern: Pattern) -> Scenario {
    Scenario {
        pattern,
        population: 400_000,
        operations: 40_000,
        table: 12_000,
        intervals: 6,
        hot_from: 3,
        limits: Limits { keys: 4_000, history: 1 << 20 },
    }
}

fn outcome(pattern: Pattern) -> Outcome {
    let outcome = run(&scenario(pattern), 100, |_| ());
    assert!(outcome.rows == 4_000 && outcome.bound > 0, "nothing was forgotten: {outcome:?}");
    outcome
}

#[test]
fn all_hot_keys_are_found_under_zipf() {
    for exponent in [0.99, 1.2] {
        let outcome = outcome(Pattern::Zipf(exponent));
        assert_eq!(outcome.recall, 1.0, "{outcome:?}");
        assert!(outcome.worst_error <= 0.01, "{outcome:?}");
        assert!(outcome.hot_rank == outcome.hot_rank_truly, "{outcome:?}");
    }
}

#[test]
fn a_newly_hot_key_is_first_during_a_scan() {
    let outcome = run(&scenario(Pattern::Scan), 1, |_| ());
    assert_eq!((outcome.hot_rank, outcome.recall), (1, 1.0), "{outcome:?}");
    assert!(outcome.worst_error <= 0.01, "{outcome:?}");
}
