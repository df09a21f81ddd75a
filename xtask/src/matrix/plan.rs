//! Which memcached servers a run tries, and where they come from.

use std::path::Path;

use anyhow::{Result, bail};
use mctop_test_support::expected::{Expected, PACKAGE};

use super::build::flavour::{CompilerFamily, FLAVOURS, Flavour, REDUCED, SINGLE_VERSION, VersionScope};
use super::build::{self, BuildTools, Compilers};
use super::controls::Control;
use super::live::Memcached;
use super::subject::{BinaryOrigin, TestSubject, numbers};
use crate::debian::{Apt, Archive, Root, SourceTree, Suite};
use crate::interrupt;

/// What to try.
#[derive(Debug)]
pub struct MatrixPlan {
    /// Only what continuous integration has time for.
    pub reduced: bool,
    /// Whether the build trees are kept.
    pub keep: bool,
    /// Only subjects whose name contains one of these; all when empty.
    pub filter: Vec<String>,
}

/// The servers and controls to try.
#[derive(Debug, Default)]
pub struct Stock {
    /// The memcached servers.
    pub subjects: Vec<TestSubject>,
    /// Builds of memcached that must be refused.
    pub controls: Vec<Control>,
    /// What was not available, and why.
    pub unavailable: Vec<String>,
    /// apt with the suite of the stock package.
    pub apt: Option<Apt>,
}

/// The suite of the package and source of the reduced matrix.
const STOCK_SUITE: Suite = Suite::Bookworm;

impl MatrixPlan {
    /// Downloads packages and sources, and builds.
    pub fn fetch(&self, compilers: &Compilers, below: &Path) -> Result<Stock> {
        let archive = Archive::of_this_machine()?;
        let mut stock = Stock::default();
        let mut sources = Vec::new();
        for suite in Suite::DEBIAN {
            if self.reduced && suite != STOCK_SUITE {
                continue;
            }
            let directory = below.join("debian").join(suite.name());
            let apt = match Apt::new(&archive, suite, directory.join("apt")) {
                Ok(apt) => apt,
                Err(error) => {
                    interrupt::check()?;
                    stock.unavailable.push(format!("{error:#}"));
                    continue;
                }
            };
            match Root::unpack(&apt, suite, directory.join("root")) {
                Ok(root) => {
                    stock.subjects.extend(Some(package(suite, &root)).filter(|subject| self.wants(&subject.name)))
                }
                Err(error) => stock.unavailable.push(format!("{error:#}")),
            }
            match SourceTree::unpack(&apt, suite, "memcached", &below.join("sources")) {
                Ok(source) => sources.push(source),
                Err(error) => stock.unavailable.push(format!("{error:#}")),
            }
            interrupt::check()?;
            if suite == STOCK_SUITE {
                stock.apt = Some(apt);
            }
        }
        // The suites are in the order of their age, oldest first.
        let newest = sources.last().map(|source| source.version.clone());
        for source in &sources {
            let is_newest = Some(&source.version) == newest.as_ref();
            for flavour in FLAVOURS.iter().filter(|flavour| self.includes(flavour, &source.version, is_newest)) {
                self.compile(source, flavour, compilers, below, &mut stock)?;
            }
        }
        Ok(stock)
    }

    fn includes(&self, flavour: &Flavour, version: &str, newest: bool) -> bool {
        flavour.covers(version, newest)
            && (!self.reduced || (REDUCED.contains(&flavour.name) && version == SINGLE_VERSION))
    }

    fn wants(&self, name: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|part| name.contains(part.as_str()))
    }

    fn compile(
        &self,
        source: &SourceTree,
        flavour: &Flavour,
        compilers: &Compilers,
        below: &Path,
        stock: &mut Stock,
    ) -> Result<()> {
        let compiler = compilers.of(flavour.family);
        let name = format!("{}-{}", source.version, flavour.name);
        let origin = format!("{} {}", compiler.program, flavour.flags());
        let kinds: &[BinaryOrigin] =
            if self.reduced { &[BinaryOrigin::Stripped] } else { &[BinaryOrigin::Stripped, BinaryOrigin::Unstripped] };
        let names = kinds.iter().map(|kind| (*kind, format!("{name}-{kind}")));
        let wanted: Vec<(BinaryOrigin, String)> = names.filter(|(_, name)| self.wants(name)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let builds = below.join("builds");
        let libevent = match (flavour.family, &stock.apt) {
            (CompilerFamily::Musl, Some(apt)) => {
                let source = SourceTree::unpack(apt, STOCK_SUITE, "libevent", &below.join("sources"))?;
                Some(build::libevent::build(&source, compiler, &builds)?)
            }
            (CompilerFamily::Musl, None) => bail!("there is no {STOCK_SUITE} to take libevent from, for {name}"),
            _ => None,
        };
        let tools = BuildTools { compiler, libevent: libevent.as_deref() };
        let built = build::build(source, flavour, tools, &builds, self.keep)?;
        if flavour.scope == VersionScope::Control {
            stock.controls.push(Control {
                name: format!("memcached {} built with {origin}, stripped", source.version),
                file: built.stripped,
            });
            return Ok(());
        }
        for (kind, name) in wanted {
            let declared = Expected::of(&source.version, flavour.name, "");
            let file = if kind == BinaryOrigin::Stripped { &built.stripped } else { &built.unstripped };
            stock.subjects.push(TestSubject {
                name,
                version: source.version.clone(),
                origin: origin.clone(),
                kind,
                memcached: Memcached { start: vec![file.display().to_string()], file: file.clone() },
                twin: Some(built.unstripped.clone()),
                expected: Some(Expected { stripped: declared.stripped && kind == BinaryOrigin::Stripped, ..declared }),
            });
        }
        Ok(())
    }
}

fn package(suite: Suite, root: &Root) -> TestSubject {
    let version = crate::debian::upstream(&root.version).to_owned();
    TestSubject {
        name: format!("{}-package", suite.name()),
        expected: Some(Expected::of(numbers(&version), PACKAGE, "")),
        version,
        origin: format!("{suite}, memcached {}", root.version),
        kind: BinaryOrigin::Package,
        memcached: Memcached { start: root.start(), file: root.program() },
        twin: None,
    }
}
