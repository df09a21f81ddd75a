//! Finds debug files: next to the binary, in the system's debug directory, or named by the user. A debug file is used only if it
//! provably belongs to the binary.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::rooted;
use crate::error::Failure;
use crate::target::elf::{DebugFile, FILE_BYTES_MAX, Image};
use crate::target::options::ResolveOptions;

/// Where systems keep debug files: gdb's default for `debug-file-directory`.
const DEBUG_DIRECTORY: &str = "/usr/lib/debug";

/// A debug file of the binary.
#[derive(Debug)]
pub(super) struct SeparateDebugFile {
    /// Its path in our root directory.
    pub path: PathBuf,
    /// Its contents.
    pub file: DebugFile,
    /// Why it belongs to the binary, as a clause.
    pub proof: String,
}

/// The directories in which debug files are searched.
#[derive(Debug)]
pub(super) struct DebugFileFinder {
    roots: Vec<PathBuf>,
    binary: Option<PathBuf>,
}

impl DebugFileFinder {
    /// Searches the root directory of the server first, then ours.
    pub(super) fn new(options: &ResolveOptions) -> Self {
        let mut roots: Vec<PathBuf> = options.root.iter().cloned().collect();
        let identity = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
        let here = PathBuf::from("/");
        if roots.iter().all(|root| identity(root) != identity(&here)) {
            roots.push(here);
        } else if let Some(root) = roots.first_mut() {
            *root = here;
        }
        Self { roots, binary: options.binary.clone() }
    }

    /// The file that the binary's `.gnu_debuglink` names: next to the binary, in `.debug` there, or below [`DEBUG_DIRECTORY`] in a
    /// directory with the same path.
    ///
    /// # Errors
    /// Why there is none, as a clause.
    pub(super) fn by_link(&self, image: &Image) -> Result<SeparateDebugFile, String> {
        let link = image.debug_link()?;
        let directory = self.binary.as_deref().and_then(Path::parent);
        let directory = directory.ok_or("the directory of the binary is unknown")?;
        let below = directory.strip_prefix("/").unwrap_or(directory);
        let candidates = [
            directory.join(&link.name),
            directory.join(".debug").join(&link.name),
            Path::new(DEBUG_DIRECTORY).join(below).join(&link.name),
        ];
        self.first(&candidates, |file| {
            let checksum = file.checksum();
            if checksum != link.checksum {
                return Err(format!("its CRC is {checksum:08x} instead of {:08x}", link.checksum));
            }
            match (image.build_id(), file.build_id()) {
                (Some(own), Some(other)) if own != other => Err(other_build(&own, &other)),
                _ => Ok(format!("its CRC is {checksum:08x}, as the binary says")),
            }
        })
    }

    /// The file for the binary's build-id below [`DEBUG_DIRECTORY`].
    ///
    /// # Errors
    /// Why there is none, as a clause.
    pub(super) fn by_build_id(&self, image: &Image) -> Result<SeparateDebugFile, String> {
        let build_id = image.build_id().ok_or("the binary has none")?;
        let (first, rest) =
            build_id.split_at_checked(2).filter(|(_, rest)| !rest.is_empty()).ok_or("the build-id is too short")?;
        let path = format!("{DEBUG_DIRECTORY}/.build-id/{first}/{rest}.debug");
        self.first(&[path.into()], |file| same_build(&build_id, file))
    }

    /// The first candidate under any root directory that provably belongs to the binary.
    fn first(
        &self,
        candidates: &[PathBuf],
        prove: impl Fn(&DebugFile) -> Result<String, String>,
    ) -> Result<SeparateDebugFile, String> {
        let mut rejected = Vec::new();
        for root in &self.roots {
            for candidate in candidates {
                let path = root.join(candidate.strip_prefix("/").unwrap_or(candidate));
                let bytes = match rooted::read(root, candidate, FILE_BYTES_MAX) {
                    Ok(bytes) => bytes,
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        continue;
                    }
                    Err(error) => {
                        rejected.push(format!("{} cannot be read: {error}", path.display()));
                        continue;
                    }
                };
                match DebugFile::parse(bytes).and_then(|file| prove(&file).map(|proof| (file, proof))) {
                    Ok((file, proof)) => return Ok(SeparateDebugFile { path, file, proof }),
                    Err(reason) => rejected.push(format!("{} is not used: {reason}", path.display())),
                }
            }
        }
        if rejected.is_empty() {
            let names: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
            let names = match names.split_last() {
                Some((last, others @ [_, ..])) => format!("{} or {last}", others.join(", ")),
                _ => names.concat(),
            };
            rejected.push(format!("there is no {names}"));
        }
        Err(rejected.join("; "))
    }
}

/// The debug file that the user named, if it belongs to the binary.
///
/// # Errors
/// A [`Failure`] that says why it cannot be used.
pub(super) fn user_debug_file(image: &Image, path: &Path) -> Result<SeparateDebugFile, Failure> {
    let refuse = |reason: String| {
        Failure::usage(format!(
            "The debug file {} cannot be used: {reason}. Use the debug file of exactly this binary, or run mctop without one: it \
             does not need a debug file.",
            path.display()
        ))
    };
    let bytes =
        rooted::read_regular(path, FILE_BYTES_MAX).map_err(|error| refuse(format!("it cannot be read: {error}")))?;
    let file = DebugFile::parse(bytes).map_err(refuse)?;
    if !file.same_machine(image) {
        return Err(refuse("it is for another machine type than the binary".into()));
    }
    let proof = match (image.build_id(), file.build_id()) {
        (Some(build_id), Some(_)) => same_build(&build_id, &file),
        _ => match (image.debug_link(), file.checksum()) {
            (Ok(link), checksum) if link.checksum == checksum => {
                Ok(format!("its CRC is {checksum:08x}, as the binary says"))
            }
            (Ok(link), checksum) => {
                Err(format!("its CRC is {checksum:08x} instead of {:08x}", link.checksum))
            }
            (Err(_), _) => Err("nothing proves that it belongs to the binary: the binary names no debug file, and not both have a build-id".into()),
        },
    };
    Ok(SeparateDebugFile { path: path.to_owned(), file, proof: proof.map_err(refuse)? })
}

fn same_build(build_id: &str, file: &DebugFile) -> Result<String, String> {
    match file.build_id() {
        Some(other) if other == build_id => Ok(format!("its build-id is {build_id}, that of the binary")),
        Some(other) => Err(other_build(build_id, &other)),
        None => Err(format!("it has no build-id, but the binary has {build_id}")),
    }
}

fn other_build(own: &str, other: &str) -> String {
    format!("its build-id is {other}, but that of the binary is {own}")
}
