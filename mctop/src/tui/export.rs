//! Writes the current view to a file.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::action::Export;
use crate::report::json;

/// Number of file names tried for the same second before giving up.
const ATTEMPTS: usize = 100;

/// Writes a view in the format of `mctop dump --format json` to a new file in `directory`, and returns the name of the file. Only
/// its owner can read it, because keys may be secrets.
///
/// # Errors
/// The file cannot be written. No partial file is left behind, and an existing file is never replaced.
pub(super) fn write(export: &Export, directory: &Path, now: Timestamp) -> io::Result<PathBuf> {
    // Temporary files have mode 0600.
    let file = tempfile::Builder::new().prefix(".mctop-").tempfile_in(directory)?;
    let mut out = io::BufWriter::new(file);
    let hints = export.view.hints(&export.whole);
    json::write(&export.snapshot, &export.view, &hints, &mut out)?;
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
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("{stem}.json and {ATTEMPTS} similar names already exist; try again in a second"),
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use super::*;
    use crate::model::filter::Filter;
    use crate::model::ranking::View;
    use crate::model::sample;
    use crate::model::span::Span;

    #[test]
    fn files_are_private_and_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let view = View { filter: Some(Filter::parse("menu").unwrap()), span: Span::Last, ..View::default() };
        let snapshot = Arc::new(sample::flash_sale());
        let export = Export { whole: Arc::clone(&snapshot), snapshot: Arc::clone(&snapshot), view };
        let now = "2026-11-22T01:02:03Z".parse().unwrap();
        let names = [(); 2].map(|()| write(&export, directory.path(), now).unwrap());
        assert_eq!(names, ["mctop-20261122T010203Z.json", "mctop-20261122T010203Z-2.json"].map(PathBuf::from));
        for name in names {
            let path = directory.path().join(name);
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let document: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            assert_eq!(document["schema"], "mctop.snapshot/1");
            let key = &document["keys"][0];
            assert_eq!((&key["key"], &document["keys_shown"]), (&"menu:json".into(), &1.into()));
            // The file has the counts since the start, and those over the span of the rates on the screen.
            let row = snapshot.rows.iter().find(|row| row.key.bytes() == b"menu:json").unwrap();
            assert_eq!((&key["calls"], &key["recent"]["calls"]), (&row.total.calls().into(), &row.last.calls().into()));
            assert_eq!(document["recent"]["over"], "interval");
            assert_eq!(document["recent"]["length_s"], snapshot.interval.as_secs_f64());
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
        assert!(write(&export, &directory.path().join("none"), now).is_err());
    }
}
