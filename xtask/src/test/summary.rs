//! Adds up the results that test programs print.

use std::fmt;

/// A test that its program did not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its path.
    pub name: String,
    /// Why it is ignored, or nothing.
    pub reason: String,
}

/// Results so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tests that ran and passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that cannot run here.
    pub skipped: u64,
    /// Tests that were ignored.
    pub ignored: Vec<Ignored>,
}

impl Summary {
    /// Takes a line of `cargo test`.
    pub fn read(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            // Such as `ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
            let count = |what: &str| -> u64 {
                let mut parts = counts.split([';', '.']).filter_map(|part| part.trim().split_once(' '));
                parts.find(|(_, name)| *name == what).and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
            };
            self.passed += count("passed");
            self.failed += count("failed");
        } else if let Some((name, reason)) = line.strip_prefix("test ").and_then(|test| test.split_once(" ... ignored"))
        {
            let reason = reason.trim_start_matches(", ").to_owned();
            self.ignored.push(Ignored { name: name.to_owned(), reason });
        }
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
test b ... ignored
test c ... FAILED
test d::e ... ignored, needs root, eBPF and memcached

failures:

---- c stdout ----
test result

failures:
    c

test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.10s
test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn results_are_added_up_and_ignored_tests_listed() {
        let mut summary = Summary::default();
        OUTPUT.lines().for_each(|line| summary.read(line));
        assert_eq!(summary.to_string(), "8 passed, 1 failed, 0 skipped");
        let ignored: Vec<(&str, &str)> =
            summary.ignored.iter().map(|test| (test.name.as_str(), test.reason.as_str())).collect();
        assert_eq!(ignored, [("b", ""), ("d::e", "needs root, eBPF and memcached")]);
    }
}
