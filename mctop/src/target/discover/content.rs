//! Recognises a memcached binary by the messages in its read-only segments.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::target::elf::ElfHeaders;
use crate::target::signature::Signature;

/// Files with more read-only bytes than this, code included, are not read. memcached has 1 MB; linking OpenSSL, Lua and
/// libc statically adds less than 10 MB.
const READ_ONLY_MAX: u64 = 16 << 20;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A memcached server.
    Memcached,
    /// A program without an interpreter (`PT_INTERP`). It may be a dynamic loader that runs another program.
    NoInterpreter,
    /// Anything else.
    Other,
}

/// Determines what a file is.
pub(super) fn content(file: &File, signature: &Signature) -> io::Result<Content> {
    let Some(outline) = ElfHeaders::read(file)? else { return Ok(Content::Other) };
    let read_only = || outline.segments.iter().filter(|segment| !segment.writable);
    let total = read_only().fold(0u64, |total, segment| total.saturating_add(segment.file_size));
    if total <= READ_ONLY_MAX {
        let mut pieces = Vec::new();
        for segment in read_only() {
            let mut bytes = vec![0; usize::try_from(segment.file_size).unwrap_or(0)];
            match file.read_exact_at(&mut bytes, segment.offset) {
                Ok(()) => pieces.push(bytes),
                // The header claims a segment beyond the end of the file.
                Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput) => {}
                Err(error) => return Err(error),
            }
        }
        if signature.matches(pieces.iter().map(Vec::as_slice)) {
            return Ok(Content::Memcached);
        }
    }
    Ok(if outline.interpreted { Content::Other } else { Content::NoInterpreter })
}
