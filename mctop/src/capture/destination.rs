//! The output file of a capture.
//!
//! The file is created under a temporary name and then renamed atomically. If the requested name is free, this happens once
//! the header is written, so that a capture exists from then on. If a file already has that name, it is replaced only when
//! the first interval is complete. Devices and pipes are written to directly. The file is locked while it
//! is written, so that a second capture to the same name is refused.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tempfile::TempPath;

/// Only the owner can read a capture, because keys can be secrets.
const MODE: u32 = 0o600;
/// Time between two syncs to disk. If the machine crashes, at most this much is lost, plus the current interval.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// An open file for a capture.
pub(super) struct Destination {
    file: File,
    path: PathBuf,
    /// Temporary name, until the file gets the requested one.
    temporary: Option<TempPath>,
    /// Whether another file already has the requested name.
    replaces: bool,
    is_regular: bool,
    synced: Option<Instant>,
    /// Length up to the last complete interval.
    committed: u64,
    written: u64,
}

impl Destination {
    /// Opens the file for writing.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if is_standard_output(path) {
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(Self::new(file, path.to_owned(), None, false));
        }
        let replaces = match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {
                refuse_if_being_written(path)?;
                true
            }
            Ok(_) => {
                let file = OpenOptions::new().write(true).open(path)?;
                return Ok(Self::new(file, path.to_owned(), None, false));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        // Follow symbolic links: otherwise the rename would replace the link.
        let path = if replaces { path.canonicalize()? } else { path.to_owned() };
        let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let create = |name: &Path| OpenOptions::new().write(true).create_new(true).mode(MODE).open(name);
        let temporary = tempfile::Builder::new().prefix(&prefix).suffix(".tmp").make_in(directory, create)?;
        let (file, temporary) = temporary.into_parts();
        // Some file systems have no locks; go on without one.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self::new(file, path, Some(temporary), replaces))
    }

    fn new(file: File, path: PathBuf, temporary: Option<TempPath>, replaces: bool) -> Self {
        let is_regular = temporary.is_some();
        Self { file, path, temporary, replaces, is_regular, synced: None, committed: 0, written: 0 }
    }

    /// Call this after the header is written: gives the file the requested name if it is free.
    pub(super) fn commit_header(&mut self) -> io::Result<()> {
        self.committed = self.written;
        if self.replaces { Ok(()) } else { self.rename_to_requested() }
    }

    fn rename_to_requested(&mut self) -> io::Result<()> {
        match self.temporary.take() {
            Some(temporary) if self.replaces => temporary.persist(&self.path).map_err(|error| error.error),
            // Another process may have created a file with this name meanwhile.
            Some(temporary) => temporary.persist_noclobber(&self.path).map_err(|error| error.error),
            None => Ok(()),
        }
    }

    /// Call this after a complete interval: gives the file the requested name, and syncs it once per second.
    pub(super) fn commit_interval(&mut self) -> io::Result<()> {
        self.committed = self.written;
        if self.synced.is_none_or(|synced| synced.elapsed() >= SYNC_EVERY) {
            self.sync()?;
        }
        self.rename_to_requested()
    }

    /// Syncs the file to disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.synced = Some(Instant::now());
        if self.is_regular { self.file.sync_data() } else { Ok(()) }
    }

    /// Truncates a regular file to the end of the last complete interval.
    pub(super) fn discard_partial_interval(&mut self) {
        if self.is_regular && self.file.set_len(self.committed).is_ok() {
            self.written = self.committed;
        }
    }

    /// The requested name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether this is `-`, which means standard output.
pub(crate) fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Fails if another process is writing a capture to this file. A file that cannot be opened or locked passes.
///
/// # Errors
/// `ResourceBusy` when the file is being written.
pub(super) fn refuse_if_being_written(path: &Path) -> io::Result<()> {
    // Opening a pipe would block until its other end is opened.
    if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    let Ok(file) = File::open(path) else { return Ok(()) };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process is writing a capture to it; stop that process or choose another name",
        )),
        _ => Ok(()),
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
