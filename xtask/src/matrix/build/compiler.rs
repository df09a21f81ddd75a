//! The compilers and libraries that memcached is built with.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::flavour::CompilerFamily;
use crate::apt;
use crate::process;

/// Packages that all builds need.
const PACKAGES: [&str; 6] = ["gcc", "make", "binutils", "libc6-dev", "libevent-dev", "musl-tools"];

/// Names of clang's program, the preferred one, Debian 12's, first.
const CLANGS: [&str; 2] = ["clang-14", "clang"];

/// A compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// Its program.
    pub program: String,
    /// The first line that it prints about its version.
    pub version: String,
}

/// All compilers.
#[derive(Clone, Debug)]
pub struct Compilers {
    gcc: Compiler,
    clang: Compiler,
    musl: Compiler,
}

impl Compilers {
    /// Finds them; as root on Debian, it installs them first.
    pub fn find() -> Result<Self> {
        let by_hand =
            "gcc, clang, musl-gcc, make, binutils, and the headers of libc and libevent are needed to build memcached";
        apt::install(&PACKAGES).context(by_hand)?;
        if clang().is_none() && apt::install(&[CLANGS[0]]).is_err() {
            apt::install(&["clang"]).context(by_hand)?;
        }
        let gcc = describe("gcc").context(by_hand)?;
        let clang = clang().context(by_hand)?;
        let musl = describe("musl-gcc").context(by_hand)?;
        Ok(Self { gcc, clang, musl })
    }

    /// The one of a family.
    #[must_use]
    pub const fn of(&self, family: CompilerFamily) -> &Compiler {
        match family {
            CompilerFamily::Gcc => &self.gcc,
            CompilerFamily::Clang => &self.clang,
            CompilerFamily::Musl => &self.musl,
        }
    }

    /// Those to report: musl-gcc is a front end of gcc.
    #[must_use]
    pub const fn all(&self) -> [&Compiler; 2] {
        [&self.gcc, &self.clang]
    }
}

fn clang() -> Option<Compiler> {
    CLANGS.iter().find_map(|program| describe(program))
}

fn describe(program: &str) -> Option<Compiler> {
    let said = process::probe(Command::new(program).arg("--version"))?;
    Some(Compiler { program: program.to_owned(), version: said.lines().next()?.trim().to_owned() })
}

/// Removes symbols and debug information, as distributions do.
pub fn strip(from: &Path, to: &Path) -> Result<()> {
    process::succeed(Command::new("strip").args(["--strip-all", "-o"]).args([to, from]))
}
