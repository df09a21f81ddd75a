//! A capture in several files: when the next one begins, what the finished ones are called, and how many are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::destination::{is_standard_output, refuse_if_under_way};
use super::format::quoted;
use super::reader::Reader;
use crate::source::Source as _;

/// When a file is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At so many bytes.
    Size(u64),
    /// After so long.
    Age(Duration),
}

/// How a capture is spread over files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// When a file is full.
    pub limit: Limit,
    /// How many finished files are kept; `None` for all.
    pub keep: Option<usize>,
}

impl Limit {
    /// Reads `100MB`, `1GiB`, `30m`, `1h`, `1d`.
    ///
    /// # Errors
    /// What is expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || "expected a size such as 100MB or 1GiB, or an age such as 30m, 1h or 1d".to_owned();
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| expected())?;
        let size = |factor: u64| number.checked_mul(factor).map(Self::Size);
        let age = |factor: u64| number.checked_mul(factor).map(|seconds| Self::Age(Duration::from_secs(seconds)));
        let limit = match unit {
            "k" | "kB" | "K" | "KB" => size(1_000),
            "M" | "MB" => size(1_000_000),
            "G" | "GB" => size(1_000_000_000),
            "KiB" => size(1 << 10),
            "MiB" => size(1 << 20),
            "GiB" => size(1 << 30),
            "s" => age(1),
            "m" | "min" => age(60),
            "h" => age(3_600),
            "d" => age(86_400),
            _ => None,
        };
        match limit.ok_or_else(expected)? {
            Self::Size(bytes) if bytes < 10_000 => Err("a file of less than 10kB is not worth its header".into()),
            Self::Age(age) if age < Duration::from_secs(1) => Err(expected()),
            limit => Ok(limit),
        }
    }

    /// Whether a file of this length and age is full.
    pub fn is_reached(self, written: u64, age: Duration) -> bool {
        match self {
            Self::Size(size) => written >= size,
            Self::Age(limit) => age >= limit,
        }
    }
}

/// Gives the file that has the name `path` the name of a finished one, by the moment it began.
///
/// # Errors
/// What the system says.
pub fn set_aside(path: &Path, began: Timestamp) -> io::Result<()> {
    let stamp = began.strftime("%Y%m%dT%H%M%SZ").to_string();
    for number in 1..10_000 {
        let name = finished(path, &stamp, number);
        // Not replacing another: there may be two in a second.
        match rustix::fs::renameat_with(
            rustix::fs::CWD,
            path,
            rustix::fs::CWD,
            &name,
            rustix::fs::RenameFlags::NOREPLACE,
        ) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => {}
            // A file system that cannot do that in one step.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                if !name.try_exists()? {
                    return fs::rename(path, name);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "there are thousands of files that began in this second"))
}

/// Sets aside what an earlier observation, ended or killed, has left under the name.
///
/// # Errors
/// What the system says; that it is no file, or one that is being written.
pub fn set_aside_earlier(path: &Path) -> io::Result<()> {
    let no_file = || Err(io::Error::other("it is no regular file, and --rotate renames what it has written"));
    let there = match fs::metadata(path) {
        _ if is_standard_output(path) => return no_file(),
        Ok(there) if there.is_file() => there,
        // A device would be gone under its name.
        Ok(_) => return no_file(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    refuse_if_under_way(path)?;
    let began = match Reader::open(path) {
        Ok(reader) => reader.header().started_at,
        Err(_) => Timestamp::try_from(there.modified()?).unwrap_or(Timestamp::UNIX_EPOCH),
    };
    set_aside(path, began)
}

/// Removes the oldest finished files of `path` but for `keep`.
///
/// # Errors
/// What the system says.
pub fn prune(path: &Path, keep: usize) -> io::Result<()> {
    let mut finished = finished_files(path)?;
    finished.sort();
    let removed = finished.len().saturating_sub(keep);
    for (_, _, file) in finished.drain(..removed) {
        match fs::remove_file(&file) {
            // Somebody else has removed it.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let told =
                    format!("the finished file {} cannot be removed: {error}", quoted(&file.display().to_string()));
                return Err(io::Error::new(error.kind(), told));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Stamp, number and path of every finished file of `path`.
fn finished_files(path: &Path) -> io::Result<Vec<(String, u32, PathBuf)>> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (stem, suffix) = split(path);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let middle = name.to_str().and_then(|name| name.strip_prefix(&stem)?.strip_suffix(&suffix)?.strip_prefix('-'));
        if let Some((stamp, number)) = middle.and_then(stamp_and_number)
            && entry.file_type()?.is_file()
        {
            found.push((stamp, number, entry.path()));
        }
    }
    Ok(found)
}

/// The parts of `20261121T215701Z` and `20261121T215701Z-2`; none of what looks otherwise.
fn stamp_and_number(text: &str) -> Option<(String, u32)> {
    let (stamp, number) = match text.split_once('-') {
        Some((stamp, number)) => (stamp, number.parse().ok().filter(|number| *number > 1)?),
        None => (text, 1),
    };
    let is_stamp = stamp.len() == 16
        && stamp.bytes().enumerate().all(|(index, byte)| match index {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    is_stamp.then(|| (stamp.to_owned(), number))
}

fn finished(path: &Path, stamp: &str, number: u32) -> PathBuf {
    let (stem, suffix) = split(path);
    let number = if number > 1 { format!("-{number}") } else { String::new() };
    path.with_file_name(format!("{stem}-{stamp}{number}{suffix}"))
}

/// A file's name before and from its extension on: `sale`, `.ndjson.zst`.
fn split(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let compressed = name.strip_suffix(".zst").unwrap_or(&name);
    let end = compressed.rfind('.').filter(|end| *end > 0).unwrap_or(compressed.len());
    let (stem, suffix) = name.split_at(end);
    (stem.to_owned(), suffix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(Limit::parse("100MB"), Ok(Limit::Size(100_000_000)));
        assert_eq!(Limit::parse("1GiB"), Ok(Limit::Size(1 << 30)));
        assert_eq!(Limit::parse("90m"), Ok(Limit::Age(Duration::from_secs(5_400))));
        for bad in
            ["", "1", "M", "0h", "0MB", "-1h", "1.5h", "1x", "9kB", "99999999999999999999GB", "9999999999999999999d"]
        {
            assert!(Limit::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn finished_files_are_named_by_their_begin_and_the_oldest_go_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sale.ndjson.zst");
        let other = ["sale-2026.ndjson.zst", "sale-20261121T215701Z.ndjson", "other-20261121T215701Z.ndjson.zst"];
        for name in other {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let begin: Timestamp = "2026-11-21T21:57:01Z".parse().unwrap();
        for second in [0, 0, 1, 2] {
            fs::write(&path, second.to_string()).unwrap();
            set_aside(&path, begin + jiff::SignedDuration::from_secs(second)).unwrap();
        }
        let names = || {
            let mut names: Vec<String> = fs::read_dir(directory.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| !other.contains(&name.as_str()))
                .collect();
            names.sort();
            names
        };
        assert_eq!(
            names(),
            [
                "sale-20261121T215701Z-2.ndjson.zst",
                "sale-20261121T215701Z.ndjson.zst",
                "sale-20261121T215702Z.ndjson.zst",
                "sale-20261121T215703Z.ndjson.zst"
            ]
        );
        prune(&path, 3).unwrap();
        assert_eq!(names().len(), 3);
        assert!(!names().contains(&"sale-20261121T215701Z.ndjson.zst".to_owned()));
        prune(&path, 0).unwrap();
        assert_eq!(names(), [""; 0]);
        assert!(other.iter().all(|name| directory.path().join(name).exists()));
    }
}
