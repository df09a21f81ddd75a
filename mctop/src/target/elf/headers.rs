//! Reads the headers of an executable without the rest of the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::pod;
use object::read::elf::{FileHeader, ProgramHeader};

use super::{SEGMENTS_MAX, Segment, segment};

/// Size of an ELF file header.
const HEADER_BYTES: usize = size_of::<FileHeader64<LittleEndian>>();

/// The segments of a 64-bit little-endian ELF executable of any machine type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ElfHeaders {
    /// Its load segments, in file order.
    pub segments: Vec<Segment>,
    /// Whether it names an interpreter: dynamically linked programs do, the dynamic loader itself does not.
    pub interpreted: bool,
}

impl ElfHeaders {
    /// Reads the headers of a file. `None` if it is not a 64-bit little-endian ELF file, or its headers are damaged.
    pub(crate) fn read(file: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let Ok(header) = FileHeader64::<LittleEndian>::parse(bytes.as_slice()) else { return Ok(None) };
        let count = usize::from(header.e_phnum.get(LittleEndian));
        let whole = usize::from(header.e_phentsize.get(LittleEndian)) == size_of::<ProgramHeader64<LittleEndian>>();
        if !whole || count > SEGMENTS_MAX {
            return Ok(None);
        }
        let mut table = vec![0; count * size_of::<ProgramHeader64<LittleEndian>>()];
        match file.read_exact_at(&mut table, header.e_phoff(LittleEndian)) {
            Ok(()) => {}
            // The system call rejects offsets that no file can have as invalid input.
            Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        let Ok((headers, _)) = pod::slice_from_bytes::<ProgramHeader64<LittleEndian>>(&table, count) else {
            return Ok(None);
        };
        let is = |kind| move |header: &&ProgramHeader64<LittleEndian>| header.p_type(LittleEndian) == kind;
        Ok(Some(Self {
            segments: headers.iter().filter(is(elf::PT_LOAD)).map(segment).collect(),
            interpreted: headers.iter().any(|header| is(elf::PT_INTERP)(&header)),
        }))
    }
}
