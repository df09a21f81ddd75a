//! Writes the figures on the screen to a file.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::action::Picture;
use crate::report::json;

/// So many files of one second are tried until an error is told.
const ATTEMPTS: usize = 100;

/// Writes a picture as `mctop dump --format json` would, into a new file of a directory that only its owner can read: keys
/// may be secrets. Returns its name.
///
/// # Errors
/// The file cannot be written. None is left behind, and none is ever replaced.
pub fn write(picture: &Picture, directory: &Path, now: Timestamp) -> io::Result<PathBuf> {
    // Temporary files are made with mode 0600.
    let file = tempfile::Builder::new().prefix(".mctop-").tempfile_in(directory)?;
    let mut out = io::BufWriter::new(file);
    let hints = picture.view.hints(&picture.whole);
    json::write(&picture.snapshot, &picture.view, &hints, &mut out)?;
    let mut file = out.into_inner()?;
    let stem = now.strftime("mctop-%Y%m%dT%H%M%SZ").to_string();
    for attempt in 1..=ATTEMPTS {
        let name = if attempt == 1 { format!("{stem}.json") } else { format!("{stem}-{attempt}.json") };
        match file.persist_noclobber(directory.join(&name)) {
            Ok(_) => return Ok(name.into()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{stem}.json and {ATTEMPTS} like it exist")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use super::*;
    use crate::model::filter::Filter;
    use crate::model::ranking::View;
    use crate::model::span::Span;
    use crate::report::sample;

    #[test]
    fn files_are_private_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let view = View { filter: Some(Filter::parse("menu").unwrap()), span: Span::Last, ..View::default() };
        let snapshot = Arc::new(sample::flash_sale());
        let picture = Picture { whole: Arc::clone(&snapshot), snapshot: Arc::clone(&snapshot), view };
        let now = "2026-11-22T01:02:03Z".parse().unwrap();
        let names = [(); 2].map(|()| write(&picture, directory.path(), now).unwrap());
        assert_eq!(names, ["mctop-20261122T010203Z.json", "mctop-20261122T010203Z-2.json"].map(PathBuf::from));
        for name in names {
            let path = directory.path().join(name);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let document: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            assert_eq!(document["schema"], "mctop.snapshot/1");
            let key = &document["keys"][0];
            assert_eq!((&key["key"], &document["keys_shown"]), (&"menu:json".into(), &1.into()));
            // Both since the start and over what the screen's rates are over.
            let row = snapshot.rows.iter().find(|row| row.key.bytes() == b"menu:json").unwrap();
            assert_eq!((&key["calls"], &key["recent"]["calls"]), (&row.total.calls().into(), &row.last.calls().into()));
            assert_eq!(document["recent"]["over"], "interval");
            assert_eq!(document["recent"]["length_s"], snapshot.interval.as_secs_f64());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
        assert!(write(&picture, &directory.path().join("none"), now).is_err());
    }
}
