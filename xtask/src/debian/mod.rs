//! Debian's packages and sources of several suites, from the mirror that this machine's apt uses; and of one suite of Ubuntu.

mod apt;
mod root;
mod source;

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process;

pub use apt::{Apt, Archive};
pub use root::Root;
pub use source::SourceTree;

/// The users that memcached looks up: the one it starts as, and the one that tests make it run as.
pub const USERS: &str = "root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n";

/// A suite of Debian, or of Ubuntu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// Debian 11.
    Bullseye,
    /// Ubuntu 22.04, whose kernel is the oldest that mctop supports.
    Jammy,
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
    /// Unstable.
    Sid,
}

impl Suite {
    /// Those of Debian, oldest first.
    pub const DEBIAN: [Self; 4] = [Self::Bullseye, Self::Bookworm, Self::Trixie, Self::Sid];

    /// Its name on mirrors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bullseye => "bullseye",
            Self::Jammy => "jammy",
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::Sid => "sid",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let distribution = if *self == Self::Jammy { "Ubuntu" } else { "Debian" };
        write!(f, "{distribution} {}", self.name())
    }
}

/// A version of a package without Debian's revision: `1.6.9+dfsg` of `1:1.6.9+dfsg-1`.
#[must_use]
pub fn upstream(version: &str) -> &str {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
}

/// Unpacks a package's file into a directory.
pub fn extract(package: &Path, to: &Path) -> Result<()> {
    process::succeed(Command::new("dpkg-deb").arg("--extract").args([package, to]))
}

/// A file's name, for stamps and messages.
fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_versions() {
        assert_eq!(upstream("1.6.18-1+deb12u1"), "1.6.18");
        assert_eq!(upstream("2:1.6.9+dfsg-1"), "1.6.9+dfsg");
        assert_eq!(upstream("1.6.45"), "1.6.45");
    }
}
