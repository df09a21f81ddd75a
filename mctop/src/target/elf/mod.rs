//! Reads ELF files: segments, imports, unwind tables, strings. Every length in a file is untrusted.

mod debug_file;
mod headers;
mod imports;
mod sections;
mod unwind;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::elf::{FileHeader, NoteIterator, ProgramHeader};

pub(crate) use debug_file::{DebugFile, DebugLink};
pub(crate) use headers::ElfHeaders;
pub(crate) use imports::Imports;
pub(crate) use sections::Sections;
pub(crate) use unwind::Unwind;

use crate::error::{Failure, FailureKind};

/// Larger files, in bytes, are not read. A memcached with all its debug information is below 30 MB.
pub(in crate::target) const FILE_BYTES_MAX: u64 = 512 << 20;
/// A file may have at most this many load segments; linkers write four or five.
const SEGMENTS_MAX: usize = 256;

/// At most this many notes are searched for the build-id.
const NOTES_MAX: usize = 1024;
/// Longer build-ids are cut to this many bytes; linkers write 8 to 32.
const BUILD_ID_MAX: usize = 64;

type LittleEndianHeader = FileHeader64<LittleEndian>;

/// Virtual addresses `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AddressRange {
    /// First address.
    pub start: u64,
    /// Address after the last.
    pub end: u64,
}

impl AddressRange {
    /// Whether an address lies inside.
    pub(crate) const fn contains(&self, address: u64) -> bool {
        self.start <= address && address < self.end
    }

    /// Length in bytes.
    pub(crate) const fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// One `PT_LOAD` segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Virtual address of its first byte.
    pub address: u64,
    /// Offset of its first byte in the file.
    pub offset: u64,
    /// Bytes backed by the file.
    pub file_size: u64,
    /// Bytes in memory, including the zero-filled rest.
    pub memory_size: u64,
    /// Whether it is mapped executable.
    pub executable: bool,
    /// Whether it is mapped writable.
    pub writable: bool,
}

impl Segment {
    /// Offset in the file of a virtual address backed by this segment.
    fn file_offset(&self, address: u64) -> Option<u64> {
        let distance = address.checked_sub(self.address)?;
        (distance < self.file_size).then(|| self.offset.checked_add(distance))?
    }
}

/// A load segment from its header.
fn segment(header: &ProgramHeader64<LittleEndian>) -> Segment {
    let flags = header.p_flags(LittleEndian);
    Segment {
        address: header.p_vaddr(LittleEndian),
        offset: header.p_offset(LittleEndian),
        file_size: header.p_filesz(LittleEndian),
        memory_size: header.p_memsz(LittleEndian),
        executable: flags & elf::PF_X != 0,
        writable: flags & elf::PF_W != 0,
    }
}

/// A machine type on which memcached can be traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    X86_64,
    /// AArch64, also called arm64.
    Aarch64,
}

/// An ELF executable, held in memory.
#[derive(Debug)]
pub(crate) struct Image {
    data: Vec<u8>,
    machine: Machine,
    segments: Vec<Segment>,
    relocatable: bool,
}

impl Image {
    /// Reads a file.
    ///
    /// # Errors
    /// A [`Failure`] if it cannot be read, is too large, or is not an ELF executable of a supported machine type.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                Failure::no_target(format!("There is no file {shown}. Use the path of a memcached binary."))
            }
            io::ErrorKind::PermissionDenied => Failure::privilege(format!(
                "{shown} cannot be read: mctop lacks the CAP_SYS_PTRACE capability, which it needs for the binary of another \
                 user's process. Run mctop as root, for example with sudo."
            )),
            _ => Failure::new(FailureKind::Runtime, format!("{shown} cannot be opened: {error}.")),
        })?;
        let size = file.metadata().with_context(|| format!("cannot inspect {shown}"))?.len();
        let mut data = Vec::new();
        if size <= FILE_BYTES_MAX {
            let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut data);
            read.with_context(|| format!("cannot read {shown}"))?;
        }
        if size.max(data.len() as u64) > FILE_BYTES_MAX {
            return Err(Failure::no_target(format!(
                "{shown} was not examined, because it is larger than {} MiB, much larger than any memcached. Use --pid with \
                 the PID of a memcached process.",
                FILE_BYTES_MAX >> 20
            ))
            .into());
        }
        Self::parse(data).map_err(|reason| {
            Failure::no_target(format!(
                "{shown} cannot be traced: {reason}. mctop needs the ELF executable of a memcached server for x86-64 or AArch64."
            ))
            .into()
        })
    }

    /// Parses the bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be used, as a clause.
    pub(crate) fn parse(data: Vec<u8>) -> Result<Self, String> {
        if !data.starts_with(&elf::ELFMAG) {
            return Err("it is not an ELF file".into());
        }
        if data.get(4) != Some(&elf::ELFCLASS64) || data.get(5) != Some(&elf::ELFDATA2LSB) {
            return Err("it is not a 64-bit little-endian ELF file".into());
        }
        let header = LittleEndianHeader::parse(data.as_slice())
            .map_err(|error| format!("its ELF header is damaged ({error})"))?;
        let machine = match header.e_machine(LittleEndian) {
            elf::EM_X86_64 => Machine::X86_64,
            elf::EM_AARCH64 => Machine::Aarch64,
            other => return Err(format!("its machine type is {other}, and only x86-64 and AArch64 are supported")),
        };
        let relocatable = match header.e_type(LittleEndian) {
            elf::ET_EXEC => false,
            elf::ET_DYN => true,
            other => return Err(format!("its ELF type is {other}, not an executable")),
        };
        let headers = header
            .program_headers(LittleEndian, data.as_slice())
            .map_err(|error| format!("its program headers are damaged ({error})"))?;
        let segments: Vec<_> = headers
            .iter()
            .filter(|segment| segment.p_type(LittleEndian) == elf::PT_LOAD)
            .take(SEGMENTS_MAX)
            .map(segment)
            .collect();
        if !segments.iter().any(|segment| segment.executable) {
            return Err("it has no executable segment".into());
        }
        let end = |segment: &Segment| segment.offset.checked_add(segment.file_size);
        if segments.iter().any(|segment| end(segment).is_none_or(|end| end > data.len() as u64)) {
            return Err("its segments extend beyond its end, so it is probably truncated".into());
        }
        Ok(Self { data, machine, segments, relocatable })
    }

    /// Its machine type.
    pub(crate) const fn machine(&self) -> Machine {
        self.machine
    }

    /// Whether it is loaded at an address chosen at run time.
    pub(crate) const fn is_relocatable(&self) -> bool {
        self.relocatable
    }

    /// Offset in the file of a virtual address, if the file backs it.
    pub(crate) fn file_offset(&self, address: u64) -> Option<u64> {
        self.segments.iter().find_map(|segment| segment.file_offset(address))
    }

    /// Whether a virtual address is mapped executable.
    pub(crate) fn is_executable(&self, address: u64) -> bool {
        self.segments.iter().any(|segment| segment.executable && segment.file_offset(address).is_some())
    }

    /// Whether a virtual address is mapped writable, including zero-filled memory.
    pub(crate) fn is_writable(&self, address: u64) -> bool {
        self.segments.iter().any(|segment| {
            segment.writable
                && address.checked_sub(segment.address).is_some_and(|distance| distance < segment.memory_size)
        })
    }

    /// The bytes of the file from a virtual address on, to the end of its segment and at most `limit`.
    pub(crate) fn bytes(&self, address: u64, limit: usize) -> Option<&[u8]> {
        self.segments.iter().find_map(|segment| {
            let offset = segment.file_offset(address)?;
            let rest = segment.file_size.checked_sub(address.checked_sub(segment.address)?)?;
            let start = usize::try_from(offset).ok()?;
            let bytes = self.data.get(start..)?;
            let length = limit.min(usize::try_from(rest).ok()?).min(bytes.len());
            bytes.get(..length)
        })
    }

    /// The NUL-terminated string of at most `limit` bytes at a read-only virtual address, without its terminator.
    pub(crate) fn string(&self, address: u64, limit: usize) -> Option<&[u8]> {
        if self.is_writable(address) {
            return None;
        }
        self.bytes(address, limit.saturating_add(1))?.split_inclusive(|&byte| byte == 0).next()?.strip_suffix(&[0])
    }

    /// The bytes of every segment that is not writable, where string constants are.
    pub(crate) fn read_only(&self) -> impl Iterator<Item = &[u8]> {
        // Without this limit, overlapping segments would make a small file expensive to read.
        let mut rest = self.data.len();
        self.segments.iter().filter(|segment| !segment.writable).map_while(move |segment| {
            let bytes = self.bytes(segment.address, usize::MAX).unwrap_or_default();
            rest = rest.checked_sub(bytes.len())?;
            Some(bytes)
        })
    }

    /// The GNU build-id in hexadecimal.
    pub(crate) fn build_id(&self) -> Option<String> {
        let header = LittleEndianHeader::parse(self.data.as_slice()).ok()?;
        let segments = header.program_headers(LittleEndian, self.data.as_slice()).ok()?;
        let notes = segments
            .iter()
            .take(SEGMENTS_MAX)
            .filter_map(|segment| segment.notes(LittleEndian, self.data.as_slice()).ok()?);
        build_id(notes)
    }

    /// The name and checksum of its separate debug file, from `.gnu_debuglink`.
    ///
    /// # Errors
    /// That there is none, or that it is damaged, as a clause.
    pub(crate) fn debug_link(&self) -> Result<DebugLink, String> {
        let section = Sections::read(self).and_then(|sections| sections.by_name(".gnu_debuglink"));
        DebugLink::parse(section.ok_or("there is none")?.bytes).ok_or_else(|| "it is damaged".into())
    }
}

/// The first build-id in some notes, in hexadecimal.
fn build_id<'a>(notes: impl Iterator<Item = NoteIterator<'a, LittleEndianHeader>>) -> Option<String> {
    let mut left = NOTES_MAX;
    for mut notes in notes {
        while let Ok(Some(note)) = notes.next() {
            if note.name() == elf::ELF_NOTE_GNU && note.n_type(LittleEndian) == elf::NT_GNU_BUILD_ID {
                return Some(note.desc().iter().take(BUILD_ID_MAX).map(|byte| format!("{byte:02x}")).collect());
            }
            left = left.checked_sub(1)?;
        }
    }
    None
}
