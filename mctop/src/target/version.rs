//! Reads memcached's version from its string constants.

use mctop_common::version::Version;

use super::elf::Image;
use super::search::Needle;

/// Longest accepted version, in bytes.
const VERSION_MAX: usize = 40;
/// At most this many occurrences of one prefix are examined.
const OCCURRENCES_MAX: usize = 4096;

/// The version after `VERSION ` in the answer to the version command, if the banner `memcached VERSION` has the same one. `None` if
/// either is missing or ambiguous.
pub(crate) fn read(image: &Image) -> Option<String> {
    let answer = unique(image, b"VERSION ")?;
    let banner = unique(image, b"memcached ")?;
    (answer == banner).then_some(answer)
}

/// The only version that follows a prefix in any string constant.
fn unique(image: &Image, prefix: &[u8]) -> Option<String> {
    let needle = Needle::new(prefix);
    let mut found = None;
    for bytes in image.read_only() {
        for end in needle.find_all(bytes).take(OCCURRENCES_MAX).map(|start| start + prefix.len()) {
            let Some(version) = bytes.get(end..).and_then(leading_version) else { continue };
            if found.as_ref().is_some_and(|other| *other != version) {
                return None;
            }
            found = Some(version);
        }
    }
    found
}

/// A version that extends to the end of a string constant or to a line end.
fn leading_version(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().take(VERSION_MAX + 1).position(|&byte| matches!(byte, 0 | b'\n'))?;
    let version = str::from_utf8(bytes.get(..end)?).ok()?;
    let plausible = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+~".contains(&byte));
    (plausible && Version::parse(version).is_some()).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_ends_its_string() {
        assert_eq!(leading_version(b"1.6.18\0"), Some("1.6.18".into()));
        assert_eq!(leading_version(b"1.6.18\n\0"), Some("1.6.18".into()));
        assert_eq!(leading_version(b"1.6.18 is out\0"), None);
        assert_eq!(leading_version(b"1.6.18"), None);
        assert_eq!(leading_version(&[b'1'; 100]), None);
    }
}
