//! The file that a capture grows in.
//!
//! A file is begun under another name. It takes the one asked for in one step: where that is free, as soon as the header is
//! in it, so that whatever happens then there is a capture under that name; where a capture is there already, only with the
//! first interval, so that the old one is not lost for nothing. A device or a pipe is written to as it is. While a file is
//! written it is locked, so that of two captures under one name the second is refused.

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

/// Only its owner reads a capture: keys can be secrets.
const MODE: u32 = 0o600;
/// Time between two requests to the system to bring the file to the disk: what a crash of the machine loses at the most,
/// besides the interval under way.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// An open file for a capture.
pub struct Destination {
    file: File,
    path: PathBuf,
    /// Its name until it takes the one asked for.
    temporary: Option<TempPath>,
    /// Whether another file has that name.
    replaces: bool,
    regular: bool,
    synced: Option<Instant>,
    /// Length up to the last interval that is complete.
    good: u64,
    written: u64,
}

impl Destination {
    /// Opens a file of this name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        if is_standard_output(path) {
            let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            return Ok(Self::new(file, path.to_owned(), None, false));
        }
        let replaces = match fs::metadata(path) {
            Ok(there) if there.is_file() => {
                refuse_if_under_way(path)?;
                true
            }
            Ok(_) => {
                let file = OpenOptions::new().write(true).open(path)?;
                return Ok(Self::new(file, path.to_owned(), None, false));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        // Not a symbolic link to it, which would be replaced otherwise.
        let path = if replaces { path.canonicalize()? } else { path.to_owned() };
        let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let make = |name: &Path| OpenOptions::new().write(true).create_new(true).mode(MODE).open(name);
        let temporary = tempfile::Builder::new().prefix(&prefix).suffix(".tmp").make_in(directory, make)?;
        let (file, temporary) = temporary.into_parts();
        // A file system without locks is as good as one on which nobody else writes.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self::new(file, path, Some(temporary), replaces))
    }

    fn new(file: File, path: PathBuf, temporary: Option<TempPath>, replaces: bool) -> Self {
        let regular = temporary.is_some();
        Self { file, path, temporary, replaces, regular, synced: None, good: 0, written: 0 }
    }

    /// After the header: takes the name asked for where it is free.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(&mut self) -> io::Result<()> {
        self.good = self.written;
        if self.replaces { Ok(()) } else { self.take_name() }
    }

    fn take_name(&mut self) -> io::Result<()> {
        match self.temporary.take() {
            Some(temporary) if self.replaces => temporary.persist(&self.path).map_err(|error| error.error),
            // Somebody else may have taken it meanwhile.
            Some(temporary) => temporary.persist_noclobber(&self.path).map_err(|error| error.error),
            None => Ok(()),
        }
    }

    /// After a complete interval: takes the name asked for, and brings the file to the disk every so often.
    ///
    /// # Errors
    /// What the system says.
    pub fn settle(&mut self) -> io::Result<()> {
        self.good = self.written;
        if self.synced.is_none_or(|synced| synced.elapsed() >= SYNC_EVERY) {
            self.sync()?;
        }
        self.take_name()
    }

    /// Brings the file to the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&mut self) -> io::Result<()> {
        self.synced = Some(Instant::now());
        if self.regular { self.file.sync_data() } else { Ok(()) }
    }

    /// Takes back what was written after the last complete interval, as far as that is possible.
    pub fn rewind(&mut self) {
        if self.regular && self.file.set_len(self.good).is_ok() {
            self.written = self.good;
        }
    }

    /// Its name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether this is `-`, for standard output.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Fails where another process is writing a capture into this file. What cannot be opened or locked is not one.
///
/// # Errors
/// That.
pub fn refuse_if_under_way(path: &Path) -> io::Result<()> {
    // To open a pipe would wait for its other end.
    if !fs::metadata(path).is_ok_and(|there| there.is_file()) {
        return Ok(());
    }
    let Ok(file) = File::open(path) else { return Ok(()) };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process is writing a capture into it; end that first, or choose another name",
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
