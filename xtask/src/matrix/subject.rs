//! A memcached of the matrix, and the findings about it.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use mctop_test_support::expected::{Expected, input_displacement};

use super::live::{self, Memcached, Tests};
use super::resolution::{Resolution, Resolver};
use super::truth::Truth;

/// How a binary was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOrigin {
    /// A distribution's package: stripped, without a twin with symbols.
    Package,
    /// Given by its path: stripped, without a twin with symbols.
    Given,
    /// Built here, or given with symbols, then stripped.
    Stripped,
    /// Built here.
    Unstripped,
}

impl fmt::Display for BinaryOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Package => "package",
            Self::Given => "none, as given",
            Self::Stripped => "stripped",
            Self::Unstripped => "unstripped",
        })
    }
}

/// A memcached to try.
#[derive(Clone, Debug)]
pub struct TestSubject {
    /// Its name in filters and logs.
    pub name: String,
    /// memcached's version.
    pub version: String,
    /// The package, or the compiler and its options.
    pub origin: String,
    /// How it was made.
    pub kind: BinaryOrigin,
    /// How tests start it.
    pub memcached: Memcached,
    /// The same code with symbols.
    pub twin: Option<PathBuf>,
    /// What it must offer; nothing is declared for binaries that are given by their paths.
    pub expected: Option<Expected>,
}

/// The findings about a memcached.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Which memcached.
    pub subject: TestSubject,
    /// The probe points, or a refusal.
    pub resolution: Resolution,
    /// The places of the lookup and command probes, by the symbols.
    pub places: Vec<String>,
    /// What the symbols contradict, if there are any to compare with.
    pub contradictions: Option<Vec<String>>,
    /// The outcome of the live tests, unless it was refused.
    pub live: Option<live::TestOutcome>,
}

impl Findings {
    /// Tries a memcached: resolves it, compares it with its symbols, and runs the live tests; `second` is another one for tests that
    /// need two.
    pub fn of(
        subject: TestSubject,
        second: Option<&Memcached>,
        resolver: &Resolver,
        tests: &Tests,
        logs: &Path,
    ) -> Result<Self> {
        let resolution = resolver.timed(&subject.memcached.file)?;
        let mut findings = Self { subject, resolution, places: Vec::new(), contradictions: None, live: None };
        if findings.resolution.refused.is_some() {
            return Ok(findings);
        }
        findings.compare(resolver)?;
        let expected = match findings.subject.expected {
            Some(expected) => expected,
            None => findings.resolution.offered(&findings.subject.memcached.help()?),
        };
        let log = logs.join(format!("{}.log", findings.subject.name));
        findings.live = Some(tests.run(&findings.subject.memcached, second, &expected, &log)?);
        Ok(findings)
    }

    fn compare(&mut self, resolver: &Resolver) -> Result<()> {
        let Some(twin) = &self.subject.twin else { return Ok(()) };
        let truth = Truth::read(twin)?;
        let mut contradictions = truth.contradictions(&self.resolution);
        if self.subject.kind == BinaryOrigin::Stripped {
            let with_symbols = resolver.once(twin)?;
            match &with_symbols.refused {
                Some(reason) => contradictions.push(format!("with symbols it is refused: {reason}")),
                None => contradictions.extend(self.resolution.differences(&with_symbols)),
            }
        }
        let points = self.resolution.lookups.iter().chain(&self.resolution.commands);
        let place = |address| {
            let (name, offset) = truth.function_at(address)?;
            Some(format!("{name}+{offset:#x}"))
        };
        self.places = points.map(|point| place(point.address).unwrap_or_else(|| "no function".into())).collect();
        self.contradictions = Some(contradictions);
        Ok(())
    }

    /// The failures, one sentence each.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        match &self.resolution.refused {
            Some(reason) => failures.push(format!("refused: {reason}")),
            None => {
                if self.resolution.lookups.is_empty() {
                    failures.push("no lookup probe and no refusal".into());
                }
                let version = self.resolution.version.as_deref();
                if version != Some(numbers(&self.subject.version)) {
                    failures.push(format!("its version is {}, and was read as {version:?}", self.subject.version));
                }
                failures.extend(self.contradictions.iter().flatten().cloned());
                failures.extend(self.unexpected());
            }
        }
        if let Some(live) = &self.live
            && !live.is_good()
        {
            failures.push(format!("live tests failed: {}", live.failed.join(", ")));
        }
        failures
    }

    /// How it differs from its declaration.
    fn unexpected(&self) -> Option<String> {
        let expected = self.subject.expected?;
        let offered = Expected { tls: expected.tls, proxy: expected.proxy, ..self.resolution.offered("") };
        let version = numbers(&self.subject.version);
        let input = self.resolution.requests.as_ref().map(|requests| requests.input);
        let declared = input_displacement(version, expected.tls);
        if offered != expected {
            return Some(format!("it offers {offered:?}, and is declared to offer {expected:?}"));
        }
        (declared.is_some() && input != declared)
            .then(|| format!("unread input is at {input:?} of a connection, and declared to be at {declared:?}"))
    }
}

/// A version without a distribution's suffix: `1.6.9` of `1.6.9+dfsg`.
pub fn numbers(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}
