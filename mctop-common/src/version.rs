//! What is known of memcached's releases. Each constant is the first release of which something holds, with its commit in
//! memcached's repository; code that depends on it asks it by name.
//!
//! For the next release: build it and run the live tests on it (`cargo xtask matrix`). If they fail, the difference gets a
//! constant here, with which the code and the tests compare the version.

use core::fmt;

/// A release: major, minor and patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub [u32; 3]);

/// The oldest supported release. Lookups are logged since 1.4.26 (`c7fbcceb0`); releases before this one are untested.
pub const OLDEST: Version = Version([1, 4, 34]);

/// The fourth argument of `do_item_get` is the connection (`6895d23e4`).
pub const LOOKUPS_BY_CONNECTION: Version = Version([1, 4, 26]);
/// The fourth argument of `do_item_get` is the thread, which knows the connection's file descriptor (`fccf7b9ef`).
pub const LOOKUPS_BY_THREAD: Version = Version([1, 6, 19]);
/// The file descriptor of the client is logged with a lookup (`723ca8bc3`).
pub const CLIENTS_LOGGED: Version = Version([1, 5, 17]);
/// `it_flags` of an item are 16 bits at +38; before, 8 bits at +39, after a suffix length (`f28cbc5e9`).
pub const WIDE_ITEM_FLAGS: Version = Version([1, 5, 15]);
/// Each protocol has its own function that reads requests and is called through a pointer; before, one function reads all
/// requests, and compilers inline it in the connection's state machine (`4723d424f`).
pub const READ_BY_PROTOCOL: Version = Version([1, 5, 15]);
/// The dispatcher of text commands is called `process_command_ascii`, no longer `process_command` (`d22b66483`).
pub const DISPATCHER_RENAMED: Version = Version([1, 6, 13]);
/// One parser for all text requests (`778cfd6e5`): they are not split into tokens in place, spaces before a verb are an error,
/// and a proxy's lookups belong to the connection of their request.
pub const ONE_PARSER: Version = Version([1, 6, 40]);

/// The LRU crawler and the LRU maintainer are on by default (release notes of 1.5.0).
pub const CRAWLERS_ON: Version = Version([1, 5, 0]);
/// `gat` and `gats` (`7f4e0246e`).
pub const GET_AND_TOUCH: Version = Version([1, 5, 3]);
/// Meta commands with all of their modes, and `ma` and `mn` (`a71af5d1f`). 1.5.19 to 1.5.22 have a draft of some.
pub const META: Version = Version([1, 6, 0]);
/// `ms KEY LENGTH FLAGS` instead of `ms KEY FLAGS` with the length in the flag `S` (`3d178cfd3`); keys in base64
/// (`176405499`); the answer `HD`, which was `OK` (`6a1802cb2`).
pub const META_LENGTH: Version = Version([1, 6, 10]);
/// `mg KEY` without flags, which is an error before (`00259610a`).
pub const META_GET_BARE: Version = Version([1, 6, 18]);
/// The flag `N` of an `ms` that appends creates a missing item (`c04701654`).
pub const META_APPEND_VIVIFY: Version = Version([1, 6, 20]);
/// The flag `E`, which sets the item's CAS number (`22480de78`).
pub const META_CAS_IN: Version = Version([1, 6, 27]);
/// The flag `x` of `md`, which keeps the key with an empty value (`563d05a82`).
pub const META_DELETE_VALUE: Version = Version([1, 6, 27]);
/// `mcp.funcgen_new` in the configuration of a proxy (`1518d8950`).
pub const PROXY_GENERATORS: Version = Version([1, 6, 23]);

impl Version {
    /// The three numbers at the start of a text. Anything after them is ignored, such as the suffix of a distribution.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let mut number = || {
            let digits = parts.next()?.split(|character: char| !character.is_ascii_digit()).next()?;
            digits.parse().ok()
        };
        Some(Self([number()?, number()?, number()?]))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_parsed_and_compared_by_number() {
        let version = Version::parse;
        assert_eq!(version("1.6.18"), Some(Version([1, 6, 18])));
        assert_eq!(version("1.6.9+dfsg"), Some(Version([1, 6, 9])));
        assert_eq!(version("1.6.45-beta1").unwrap().to_string(), "1.6.45");
        assert!(version("1.6.9") < version("1.6.18") && version("1.5.22") < version("1.6.9+dfsg"));
        for text in ["1.6", "%s", "99999999999.1.1"] {
            assert_eq!(version(text), None);
        }
    }
}
