//! Versions of memcached, by which the tests know which commands a server has.

use std::fmt;
use std::str::FromStr;

/// Major, minor and patch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub [u32; 3]);

/// `gat` and `gats`.
pub const GET_AND_TOUCH: Version = Version([1, 5, 3]);

/// Meta commands with all of their modes, and `ma` and `mn`. 1.5.19 to 1.5.22 have a draft of some.
pub const META: Version = Version([1, 6, 0]);

/// `mg KEY` without flags, before an error.
pub const META_GET_BARE: Version = Version([1, 6, 18]);

/// `ms KEY LENGTH FLAGS`, before `ms KEY FLAGS` with the length in the flag `S`; and keys in base64.
pub const META_LENGTH: Version = Version([1, 6, 10]);

/// The flag `N` of `ms` that appends, which creates a missing item.
pub const META_APPEND_VIVIFY: Version = Version([1, 6, 21]);

/// The flag `E`, a CAS number for the item.
pub const META_CAS_IN: Version = Version([1, 6, 27]);

/// The flag `x` of `md`, which keeps the key with an empty value.
pub const META_DELETE_VALUE: Version = Version([1, 6, 27]);

/// Spaces in front of a verb are refused.
pub const SPACES_BEFORE_VERBS: Version = Version([1, 6, 40]);

impl FromStr for Version {
    type Err = String;

    /// From the answer to `version`; what a distribution appended to the numbers does not matter.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, '.').map(|part| {
            let end = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        });
        match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten()) {
            (Some(major), Some(minor), Some(patch)) => Ok(Self([major, minor, patch])),
            _ => Err(format!("{text:?} is not a version of memcached")),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[test]
fn versions_are_compared_by_number() {
    let version = |text: &str| text.parse::<Version>().unwrap();
    assert!(version("1.6.9") < version("1.6.18") && version("1.5.22") < version("1.6.9+dfsg"));
    assert_eq!(version("1.6.45-beta").to_string(), "1.6.45");
    assert!("1.6".parse::<Version>().is_err());
}
