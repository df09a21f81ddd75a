//! What builds of memcached must offer: one table, which the live tests and `cargo xtask matrix` hold mctop to.

use std::process::Command;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::server::command;
use crate::version::Version;

/// What the memcached under test is expected to offer, as JSON. The matrix sets it; without it, memcached is a package.
pub const VARIABLE: &str = "MCTOP_TEST_EXPECTED";

/// The build of a distribution's package.
pub const PACKAGE: &str = "package";

/// Kinds of lookup sites, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// Where memcached knows the outcome of the lookup.
    Exact,
    /// Where it has not checked for expiry and flush.
    Early,
    /// Where `do_item_get` begins and where it returns.
    EntryAndReturn,
}

/// What a build offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Where lookups are probed.
    pub site: Site,
    /// Whether requests are read at lookups; if not, the command probe is attached for them.
    pub requests: bool,
    /// Whether the command probe is found.
    pub commands: bool,
    /// Whether it is found how storage commands end.
    pub stores: bool,
    /// Whether evictions are found.
    pub evictions: bool,
    /// Whether memcached's clock is found.
    pub clock: bool,
    /// Whether a lookup's client is known at its site.
    pub clients: bool,
    /// Whether it was built with TLS.
    pub tls: bool,
    /// Whether it was built with the proxy.
    pub proxy: bool,
    /// Whether it has no symbols, not even dynamic ones, and a build-id by which separate ones are found.
    pub stripped: bool,
}

/// What nearly every build offers.
const FULL: Expected = Expected {
    site: Site::Exact,
    requests: true,
    commands: true,
    stores: true,
    evictions: true,
    clock: true,
    clients: true,
    tls: false,
    proxy: false,
    stripped: true,
};

/// Builds that offer something else than [`FULL`], and the packages of Debian.
const DECLARED: [(&str, &str, Expected); 8] = [
    ("1.6.9", PACKAGE, FULL),
    ("1.6.18", PACKAGE, Expected { tls: true, ..FULL }),
    // Its functions are dynamic symbols.
    ("1.6.38", PACKAGE, Expected { tls: true, proxy: true, stripped: false, ..FULL }),
    ("1.6.45", PACKAGE, Expected { tls: true, proxy: true, ..FULL }),
    // Without optimisation, `do_item_get` has no branch on the logging of lookups that can be recognised, and events have none either.
    ("1.6.18", "gcc-O0", Expected { site: Site::Early, stores: false, evictions: false, clients: false, ..FULL }),
    ("1.6.18", "gcc-Os", Expected { evictions: false, ..FULL }),
    // Descriptors of clients are not available at its lookup site.
    ("1.6.18", "gcc-hardened", Expected { clients: false, ..FULL }),
    // Without a build-id.
    ("1.6.45", "musl-static", Expected { stripped: false, ..FULL }),
];

impl Expected {
    /// What a build of a version must offer: [`PACKAGE`], or a compiler and its options as the matrix names them. A package that is not
    /// declared is built with what its help shows.
    pub fn of(version: &str, build: &str, help: &str) -> Self {
        let declared = DECLARED.iter().find(|(of, name, _)| (*of, *name) == (version, build));
        match declared {
            Some((_, _, expected)) => *expected,
            None if build == PACKAGE => Self { tls: offers_tls(help), proxy: offers_proxy(help), ..FULL },
            None => FULL,
        }
    }

    /// What the memcached under test must offer.
    ///
    /// # Panics
    /// When memcached does not run, or says that it was built with something else than expected.
    pub fn here() -> Self {
        static HERE: LazyLock<Expected> = LazyLock::new(|| {
            let command = command();
            let help = Command::new(&command[0]).args(&command[1..]).arg("-h").output().unwrap();
            let help = String::from_utf8_lossy(&help.stdout).into_owned();
            let expected = match std::env::var(VARIABLE) {
                Ok(json) => serde_json::from_str(&json).unwrap(),
                Err(_) => Expected::of(&version(&help), PACKAGE, &help),
            };
            assert_eq!((offers_tls(&help), offers_proxy(&help)), (expected.tls, expected.proxy), "TLS and proxy");
            expected
        });
        *HERE
    }

    /// Says what a test leaves out where the memcached under test is not expected to offer it.
    pub fn has(offered: bool, what: &str) -> bool {
        if !offered {
            println!("LEFT OUT on {}: {what}", command().join(" "));
        }
        offered
    }
}

/// Displacements in a connection, in bytes, of the address of its unread input (`rcurr`), by version and TLS. All builds of a version
/// agree on it, because it depends on memcached's `configure` only, not on the compiler.
const INPUTS: [(&str, bool, u32); 7] = [
    ("1.6.9", false, 176),
    ("1.6.18", false, 176),
    ("1.6.18", true, 200),
    ("1.6.38", false, 192),
    ("1.6.38", true, 200),
    ("1.6.45", false, 192),
    ("1.6.45", true, 200),
];

/// The displacement of the address of unread input in a connection, where that is declared.
pub fn input_displacement(version: &str, tls: bool) -> Option<u32> {
    INPUTS.iter().find(|(of, with_tls, _)| (*of, *with_tls) == (version, tls)).map(|(_, _, displacement)| *displacement)
}

/// Whether memcached's help names the option that switches TLS on.
pub fn offers_tls(help: &str) -> bool {
    help.contains("enable-ssl")
}

/// Whether memcached's help names the option that makes it a proxy.
pub fn offers_proxy(help: &str) -> bool {
    help.contains("proxy_config")
}

/// The version in the first line of memcached's help, without what a distribution appended.
fn version(help: &str) -> String {
    let words = help.lines().next().and_then(|line| line.strip_prefix("memcached "));
    words.and_then(|word| Version::parse(word.trim())).unwrap().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_declared_by_version_and_name() {
        assert_eq!(Expected::of("1.6.18", "gcc-O0", "").site, Site::Early);
        assert_eq!(Expected::of("1.6.38", "gcc-O0", ""), FULL);
        assert!(Expected::of("1.6.18", PACKAGE, "").tls && Expected::of("1.6.24", PACKAGE, "--enable-ssl").tls);
        assert_eq!(version("memcached 1.6.9+dfsg\n-p, --port"), "1.6.9");
    }
}
