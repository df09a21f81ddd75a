//! Finds the memcached binary that a process runs, and a path by which it can be opened.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use procfs::ProcError;
use procfs::process::{MMPermissions, MMapPath, MemoryMap};

use super::content::{Content, content};
use crate::target::signature::Signature;

/// What the kernel appends to the path of a deleted file.
const DELETED: &[u8] = b" (deleted)";
/// At most this many mapped files of a process are examined if it was started through a loader.
const MAPPED_FILES_MAX: usize = 256;

/// At most this many files are remembered.
const KNOWN_MAX: usize = 4096;

/// Identifies a file and its content. Device and inode are not enough: a package manager may write a new binary into the old
/// file, and a file system may reuse the inode of a deleted file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    bytes: u64,
    /// `ctime` in seconds and nanoseconds: the last change of content or attributes. Programs cannot set it.
    changed: (i64, i64),
}

impl FileIdentity {
    /// The identity of a file.
    #[must_use]
    pub fn of(file: &fs::Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino(), bytes: file.size(), changed: (file.ctime(), file.ctime_nsec()) }
    }
}

/// A memcached binary in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    /// A path by which it can be opened.
    pub image: PathBuf,
    /// Its path as the process sees it.
    pub path: String,
    /// Whether that path no longer leads to it.
    pub deleted: bool,
}

/// Recognises memcached binaries, and reads each distinct file only once.
#[derive(Debug, Default)]
pub(crate) struct Binaries {
    signature: Signature,
    known: HashMap<FileIdentity, Content>,
}

impl Binaries {
    /// The memcached binary of a process; `None` if it runs something else.
    ///
    /// # Errors
    /// If its executable cannot be opened or read. The kind is `NotFound` for kernel threads and processes that have exited.
    pub(crate) fn of_process(&mut self, pid: u32) -> io::Result<Option<Binary>> {
        let image = PathBuf::from(format!("/proc/{pid}/exe"));
        match self.content(&image)? {
            Content::Memcached => {
                let link = fs::read_link(&image)?;
                let (path, deleted) = shown_path(pid, &link, &fs::metadata(&image)?);
                Ok(Some(Binary { image, path, deleted }))
            }
            Content::NoInterpreter => self.mapped(pid),
            Content::Other => Ok(None),
        }
    }

    fn content(&mut self, path: &Path) -> io::Result<Content> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Content::Other);
        }
        let identity = FileIdentity::of(&metadata);
        if let Some(&known) = self.known.get(&identity) {
            return Ok(known);
        }
        let content = content(&file, &self.signature)?;
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(identity, content);
        Ok(content)
    }

    /// The memcached binary among the files that a process has mapped executable, for processes that were started through a
    /// loader, as in `ld.so ./memcached`.
    fn mapped(&mut self, pid: u32) -> io::Result<Option<Binary>> {
        let process = i32::try_from(pid).map_err(io::Error::other).map(procfs::process::Process::new)?;
        let maps = process.and_then(|process| process.maps()).map_err(io_error)?;
        let files = maps.iter().filter(|map| map.inode != 0 && map.perms.contains(MMPermissions::EXECUTE));
        for map in files.take(MAPPED_FILES_MAX) {
            let MMapPath::Path(link) = &map.pathname else { continue };
            let Some(image) = mapped_image(pid, map, link) else { continue };
            if matches!(self.content(&image), Ok(Content::Memcached)) {
                let (path, deleted) = shown_path(pid, link, &fs::metadata(&image)?);
                return Ok(Some(Binary { image, path, deleted }));
            }
        }
        Ok(None)
    }
}

/// Converts an error from reading `/proc`.
fn io_error(error: ProcError) -> io::Error {
    match error {
        ProcError::Io(error, _) => error,
        ProcError::NotFound(_) => io::ErrorKind::NotFound.into(),
        ProcError::PermissionDenied(_) => io::ErrorKind::PermissionDenied.into(),
        other => io::Error::other(other),
    }
}

/// A path by which a mapped file can be opened.
fn mapped_image(pid: u32, map: &MemoryMap, link: &Path) -> Option<PathBuf> {
    let (start, end) = map.address;
    let by_range = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
    if File::open(&by_range).is_ok() {
        return Some(by_range);
    }
    // Following `map_files` links requires more privileges than opening the file by its name.
    let by_name = in_root(pid, link);
    let metadata = fs::metadata(&by_name).ok()?;
    let device = libc::makedev(u32::try_from(map.dev.0).ok()?, u32::try_from(map.dev.1).ok()?);
    (metadata.ino() == map.inode && metadata.dev() == device).then_some(by_name)
}

/// The path of a file as its process sees it, and whether that path no longer leads to the file.
fn shown_path(pid: u32, link: &Path, file: &fs::Metadata) -> (String, bool) {
    let leads_there = |path: &Path| {
        fs::metadata(in_root(pid, path)).is_ok_and(|other| (other.dev(), other.ino()) == (file.dev(), file.ino()))
    };
    // A file's real name may end in ` (deleted)`, too.
    match link.as_os_str().as_bytes().strip_suffix(DELETED) {
        Some(path) if !leads_there(link) => (OsStr::from_bytes(path).to_string_lossy().into_owned(), true),
        _ => (link.to_string_lossy().into_owned(), false),
    }
}

/// A path in the root directory of a process, as a path in ours.
fn in_root(pid: u32, path: &Path) -> PathBuf {
    Path::new(&format!("/proc/{pid}/root")).join(path.strip_prefix("/").unwrap_or(path))
}
