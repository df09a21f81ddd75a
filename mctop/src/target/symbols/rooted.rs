//! Reads files under another root directory, such as a container's. Symbolic links are resolved inside that root and cannot lead
//! out of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// If the file is missing, not a regular file, too large or unreadable, or if its links form a loop.
pub(super) fn read(root: &Path, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let root = File::open(root)?;
    // `O_PATH` does not open the file itself: opening a device or a pipe may have side effects or block.
    let path_only = openat2(&root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)?;
    read_regular(Path::new(&format!("/proc/self/fd/{}", path_only.as_raw_fd())), limit)
}

/// Reads a regular file of at most `limit` bytes under our own root directory.
///
/// # Errors
/// Those of [`read`].
pub(super) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {} MiB", limit >> 20));
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    // The file may have grown since its size was read.
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_inside() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("dir")).unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        fs::write(root.join("file"), "inside").unwrap();
        symlink("/file", root.join("dir/absolute")).unwrap();
        symlink("../../../../file", root.join("dir/climbing")).unwrap();
        symlink(outer.path().join("secret"), root.join("dir/escaping")).unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        let read = |path: &str| read(&root, Path::new(path), 100);
        for path in ["/file", "/dir/absolute", "/dir/climbing", "/dir/../../file"] {
            assert_eq!(read(path).unwrap(), b"inside", "{path}");
        }
        assert_eq!(read("/dir/escaping").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(read("/a").unwrap_err().raw_os_error(), Some(libc::ELOOP));
        assert!(read("/dir").unwrap_err().to_string().contains("not a regular file"));
    }

    #[test]
    fn only_regular_files_of_bounded_size() {
        assert!(read_regular(Path::new("/dev/zero"), 100).unwrap_err().to_string().contains("not a regular file"));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [0; 101]).unwrap();
        assert_eq!(read_regular(file.path(), 100).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_regular(file.path(), 101).unwrap().len(), 101);
    }
}
