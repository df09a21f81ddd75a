//! Rotates the files of a capture: when a new file starts, how finished files are named, and how many are kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::destination::{is_standard_output, refuse_if_being_written};
use super::quote::quoted;
use super::reader::Reader;
use crate::source::Source as _;

/// When a file is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationLimit {
    /// When it has this many bytes.
    Size(u64),
    /// When it covers this much time.
    Age(Duration),
}

/// How a capture is spread over files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// When a file is full.
    pub limit: RotationLimit,
    /// Number of finished files to keep; `None` for all.
    pub keep: Option<usize>,
}

impl RotationLimit {
    /// Parses texts such as `100MB`, `1GiB`, `30m`, `1h`, `1d`.
    ///
    /// # Errors
    /// Says what is expected.
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
            Self::Size(bytes) if bytes < 10_000 => Err("a file must be allowed at least 10kB".into()),
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

/// Renames the file at `path` to the name of a finished file, which contains the time at which it started.
pub(crate) fn rename_finished(path: &Path, started_at: Timestamp) -> io::Result<()> {
    let stamp = started_at.strftime("%Y%m%dT%H%M%SZ").to_string();
    for number in 1..10_000 {
        let name = finished_name(path, &stamp, number);
        // Never replace a file: two may have started in the same second.
        match rustix::fs::renameat_with(
            rustix::fs::CWD,
            path,
            rustix::fs::CWD,
            &name,
            rustix::fs::RenameFlags::NOREPLACE,
        ) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::EXIST) => {}
            // This file system does not support NOREPLACE.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                if !name.try_exists()? {
                    return fs::rename(path, name);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "there are already 9,999 files that started in the same second"))
}

/// Renames the file that an earlier capture left at `path`, whether that capture ended or was killed.
pub(crate) fn rename_leftover(path: &Path) -> io::Result<()> {
    let not_a_file = || {
        Err(io::Error::other(
            "it is not a regular file, but --rotate needs to rename it; choose another file or leave out --rotate",
        ))
    };
    let metadata = match fs::metadata(path) {
        _ if is_standard_output(path) => return not_a_file(),
        Ok(metadata) if metadata.is_file() => metadata,
        // Renaming would remove a device.
        Ok(_) => return not_a_file(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    refuse_if_being_written(path)?;
    let started_at = match Reader::open(path) {
        Ok(reader) => reader.header().started_at,
        Err(_) => Timestamp::try_from(metadata.modified()?).unwrap_or(Timestamp::UNIX_EPOCH),
    };
    rename_finished(path, started_at)
}

/// Removes finished files of `path`, oldest first, until `keep` are left.
pub(crate) fn prune(path: &Path, keep: usize) -> io::Result<()> {
    let mut finished = finished_files(path)?;
    finished.sort();
    let removed = finished.len().saturating_sub(keep);
    for (_, _, file) in finished.drain(..removed) {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let file = quoted(&file.display().to_string());
                return Err(io::Error::new(error.kind(), format!("cannot remove the finished file {file}: {error}")));
            }
            // It may have been removed by another process.
            _ => {}
        }
    }
    Ok(())
}

/// Timestamp, number and path of every finished file of `path`.
fn finished_files(path: &Path) -> io::Result<Vec<(String, u32, PathBuf)>> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let (stem, suffix) = stem_and_suffix(path);
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

/// Parses `20261121T215701Z` and `20261121T215701Z-2`.
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

fn finished_name(path: &Path, stamp: &str, number: u32) -> PathBuf {
    let (stem, suffix) = stem_and_suffix(path);
    let number = if number > 1 { format!("-{number}") } else { String::new() };
    path.with_file_name(format!("{stem}-{stamp}{number}{suffix}"))
}

/// Splits a file name at its extension: `sale`, `.ndjson.zst`.
fn stem_and_suffix(path: &Path) -> (String, String) {
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
    fn limits_are_parsed() {
        assert_eq!(RotationLimit::parse("100MB"), Ok(RotationLimit::Size(100_000_000)));
        assert_eq!(RotationLimit::parse("1GiB"), Ok(RotationLimit::Size(1 << 30)));
        assert_eq!(RotationLimit::parse("90m"), Ok(RotationLimit::Age(Duration::from_secs(5_400))));
        for bad in
            ["", "1", "M", "0h", "0MB", "-1h", "1.5h", "1x", "9kB", "99999999999999999999GB", "9999999999999999999d"]
        {
            assert!(RotationLimit::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn finished_files_are_named_by_start_time_and_the_oldest_are_removed_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sale.ndjson.zst");
        let other = ["sale-2026.ndjson.zst", "sale-20261121T215701Z.ndjson", "other-20261121T215701Z.ndjson.zst"];
        for name in other {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let start: Timestamp = "2026-11-21T21:57:01Z".parse().unwrap();
        for second in [0, 0, 1, 2] {
            fs::write(&path, second.to_string()).unwrap();
            rename_finished(&path, start + jiff::SignedDuration::from_secs(second)).unwrap();
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
