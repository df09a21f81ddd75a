//! Other programs and libraries.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Control;
use crate::debian::{Apt, extract};
use crate::process;

/// The fewest other programs that the matrix needs.
pub const MINIMUM: usize = 10;

/// Programs that are used where they are installed.
const PROGRAMS: [&str; 26] = [
    "bash",
    "busybox",
    "clang-14",
    "curl",
    "dpkg",
    "gdb",
    "git",
    "ld.bfd",
    "make",
    "mysqld",
    "nginx",
    "node",
    "openssl",
    "perl",
    "psql",
    "python3",
    "qemu-system-x86_64",
    "redis-server",
    "sqlite3",
    "ssh",
    "sshd",
    "systemctl",
    "tar",
    "tcpdump",
    "tmux",
    "vim.basic",
];

/// Directories of programs, packaged ones first: PATH may have scripts of the same names.
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/usr/local/bin"];

/// Libraries that are used where they are installed.
const LIBRARIES: [&str; 4] = ["libc.so.6", "libcrypto.so.3", "libevent-2.1.so.7", "libevent_core-2.1.so.7"];

/// Directories of libraries.
const LIBRARY_DIRECTORIES: [&str; 3] = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64"];

/// Packages that are unpacked, not installed: programs that speak memcached's protocol and name its commands.
const PACKAGES: [&str; 3] = ["libmemcached-tools", "libmemcached11", "nutcracker"];

/// Finds them.
///
/// # Errors
/// When there are fewer than [`MINIMUM`].
pub fn find(apt: Option<&Apt>, own: &[PathBuf], below: &Path) -> Result<Vec<Control>> {
    let installed = |names: &[&str], directories: &[&str]| {
        let first =
            |name: &&str| directories.iter().map(|directory| Path::new(directory).join(name)).find(|path| is_elf(path));
        names.iter().filter_map(first).collect::<Vec<_>>()
    };
    let mut files = installed(&PROGRAMS, &DIRECTORIES);
    files.extend(installed(&LIBRARIES, &LIBRARY_DIRECTORIES));
    if let Some(apt) = apt {
        files.extend(unpacked(apt, &below.join("packages"))?);
    }
    let mut controls: Vec<Control> =
        files.into_iter().map(|file| Control { name: shown(&file, below), file }).collect();
    for file in own {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        controls.push(Control {
            name: format!("mctop's own {name}, which contains memcached's messages"),
            file: file.clone(),
        });
    }
    if controls.len() < MINIMUM {
        bail!("only {} other programs were found; {MINIMUM} are needed as negative controls", controls.len());
    }
    Ok(controls)
}

/// Programs and libraries in packages of the mirror. Packages that it lacks are reported and left out.
fn unpacked(apt: &Apt, directory: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    for package in PACKAGES {
        if let Err(error) = process::succeed(&mut apt.get(&["download", package])) {
            crate::interrupt::check()?;
            eprintln!("matrix: no {package} as a negative control: {error:#}");
        }
    }
    let prefixes = PACKAGES.map(|package| format!("{package}_"));
    let downloads = fs::read_dir(apt.downloads()).context("cannot list what was downloaded")?;
    for file in downloads.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            extract(&file.path(), directory)?;
        }
    }
    let mut files = Vec::new();
    for below in ["usr/bin", "usr/sbin", "usr/lib/x86_64-linux-gnu"] {
        let Ok(entries) = fs::read_dir(directory.join(below)) else { continue };
        files.extend(entries.flatten().map(|entry| entry.path()).filter(|path| !path.is_symlink() && is_elf(path)));
    }
    files.sort();
    Ok(files)
}

/// The path without the build directory.
fn shown(file: &Path, below: &Path) -> String {
    let inside = file.strip_prefix(below.join("packages")).map(|path| Path::new("/").join(path));
    inside.unwrap_or_else(|_| file.to_path_buf()).display().to_string()
}

fn is_elf(path: &Path) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}
