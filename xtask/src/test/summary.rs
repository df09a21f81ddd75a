//! Adds up the results that the test programs print, and hides what only the adding up needs.

use std::fmt;

/// How a test that cannot run begins the line that says why; Rust's test harness would count it as passed.
const SKIPPED: &str = "SKIPPED";

/// Results so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tests that ran and passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were ignored, or said that they cannot run.
    pub skipped: u64,
    /// Of the current test program.
    skipped_here: u64,
    /// Whether the output of passing tests is being listed.
    in_successes: bool,
    /// The test whose output is being listed, until it has been counted as skipped.
    current: Option<String>,
}

impl Summary {
    /// Takes a line of `cargo test -- --show-output`; returns what to show of it.
    pub fn read(&mut self, line: &str) -> Option<String> {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.close(counts);
        } else if line == "failures:" {
            self.in_successes = false;
        } else if line == "successes:" {
            self.in_successes = true;
            self.current = None;
            return None;
        } else if self.in_successes {
            if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
                self.current = Some(name.to_owned());
            } else if line.starts_with(SKIPPED)
                && let Some(name) = self.current.take()
            {
                self.skipped_here += 1;
                return Some(format!("{line} [{name}]"));
            }
            return None;
        }
        Some(line.to_owned())
    }

    /// Adds a line such as `ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
    fn close(&mut self, counts: &str) {
        let count = |what: &str| {
            let parts = counts.split([';', '.']).filter_map(|part| part.trim().split_once(' '));
            parts.into_iter().find(|(_, name)| *name == what).and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
        };
        let passed: u64 = count("passed");
        let skipped = std::mem::take(&mut self.skipped_here).min(passed);
        self.passed += passed - skipped;
        self.skipped += skipped + count("ignored");
        self.failed += count("failed");
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test a ... ok
test b ... ok
test c ... FAILED
test d ... ignored

successes:

---- a stdout ----
SKIPPED: not root
SKIPPED: said twice
chatter

---- b stdout ----
saw 5 keys, SKIPPED none

successes:
    a
    b

failures:

---- c stdout ----
SKIPPED but failed all the same

failures:
    c

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.10s
test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn adds_up_and_tells_skipped_tests_from_passed_ones() {
        let mut summary = Summary::default();
        let shown: Vec<String> = OUTPUT.lines().filter_map(|line| summary.read(line)).collect();
        assert_eq!(summary.to_string(), "8 passed, 1 failed, 2 skipped");
        assert!(shown.iter().any(|line| line == "SKIPPED: not root [a]"));
        assert!(shown.iter().any(|line| line == "SKIPPED but failed all the same"));
        assert!(!shown.iter().any(|line| line == "chatter" || line == "successes:" || line == "    b"));
    }

    #[test]
    fn nothing_ran_is_said_so() {
        assert_eq!(Summary::default().to_string(), "0 passed, 0 failed, 0 skipped");
    }
}
