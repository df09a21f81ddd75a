//! The memcached binary that a process runs, and a path to open it by.

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
/// Most mapped files of a process that are looked into, when it was started through a loader.
const MAPPED_FILES_MAX: usize = 256;

/// Most files that are remembered.
const KNOWN_MAX: usize = 4096;

/// A file as it is, until something is written to it: a package may write a new binary into the old one's file, and a file
/// system may give a new file the inode of one that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    /// When its content or its attributes were changed last, seconds and nanoseconds. Nobody can set that.
    changed: (i64, i64),
}

impl Identity {
    /// That of a file.
    #[must_use]
    pub fn of(file: &fs::Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino(), bytes: file.size(), changed: (file.ctime(), file.ctime_nsec()) }
    }
}

/// A memcached binary in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// A path to open it by.
    pub image: PathBuf,
    /// Its path as the process sees it.
    pub path: String,
    /// Whether that path does not lead to it any more.
    pub deleted: bool,
}

/// Looks for memcached binaries; each distinct file is read once.
#[derive(Debug, Default)]
pub struct Binaries {
    signature: Signature,
    known: HashMap<Identity, Content>,
}

impl Binaries {
    /// The memcached binary of a process; nothing when it runs something else.
    ///
    /// # Errors
    /// When its executable cannot be opened or read: not found for kernel threads and processes that have ended.
    pub fn of_process(&mut self, pid: u32) -> io::Result<Option<Binary>> {
        let image = PathBuf::from(format!("/proc/{pid}/exe"));
        match self.content(&image)? {
            Content::Memcached => {
                let link = fs::read_link(&image)?;
                let (path, deleted) = shown_path(pid, &link, &fs::metadata(&image)?);
                Ok(Some(Binary { image, path, deleted }))
            }
            Content::Uninterpreted => self.mapped(pid),
            Content::Other => Ok(None),
        }
    }

    fn content(&mut self, path: &Path) -> io::Result<Content> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Content::Other);
        }
        let identity = Identity::of(&metadata);
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

    /// The memcached among the files that a process has mapped executable: it was started through a loader, as in
    /// `ld.so ./memcached`.
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

/// An error in reading `/proc`, as the system calls it.
fn io_error(error: ProcError) -> io::Error {
    match error {
        ProcError::Io(error, _) => error,
        ProcError::NotFound(_) => io::ErrorKind::NotFound.into(),
        ProcError::PermissionDenied(_) => io::ErrorKind::PermissionDenied.into(),
        other => io::Error::other(other),
    }
}

/// A path that leads to a mapped file.
fn mapped_image(pid: u32, map: &MemoryMap, link: &Path) -> Option<PathBuf> {
    let (start, end) = map.address;
    let by_range = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
    if File::open(&by_range).is_ok() {
        return Some(by_range);
    }
    // Following those links takes more privilege than reading the file by its name.
    let by_name = in_root(pid, link);
    let metadata = fs::metadata(&by_name).ok()?;
    let device = libc::makedev(u32::try_from(map.dev.0).ok()?, u32::try_from(map.dev.1).ok()?);
    (metadata.ino() == map.inode && metadata.dev() == device).then_some(by_name)
}

/// The path of a file as its process sees it, and whether it does not lead there any more.
fn shown_path(pid: u32, link: &Path, file: &fs::Metadata) -> (String, bool) {
    let leads_there = |path: &Path| {
        fs::metadata(in_root(pid, path)).is_ok_and(|other| (other.dev(), other.ino()) == (file.dev(), file.ino()))
    };
    // A file's own name may end like that.
    match link.as_os_str().as_bytes().strip_suffix(DELETED) {
        Some(path) if !leads_there(link) => (OsStr::from_bytes(path).to_string_lossy().into_owned(), true),
        _ => (link.to_string_lossy().into_owned(), false),
    }
}

/// A path of a process as seen from here.
fn in_root(pid: u32, path: &Path) -> PathBuf {
    Path::new(&format!("/proc/{pid}/root")).join(path.strip_prefix("/").unwrap_or(path))
}
