//! Finds out where a binary is mapped in the memory of a process.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use anyhow::Context;
use procfs::process::{MMPermissions, MMapPath, MemoryMap};

use super::discover::Process;
use super::elf::{ElfHeaders, Segment};

/// The difference between the address of something in a process's memory and its virtual address in the binary; 0 for binaries that
/// are not relocatable.
///
/// # Errors
/// If the memory map or the binary cannot be read, or the binary is not mapped.
pub fn load_bias(process: &Process) -> anyhow::Result<u64> {
    let pid = process.pid;
    let shown = process.image.display();
    let file = File::open(&process.image).with_context(|| format!("cannot open {shown}"))?;
    let metadata = file.metadata().with_context(|| format!("cannot inspect {shown}"))?;
    let outline = ElfHeaders::read(&file).with_context(|| format!("cannot read {shown}"))?;
    let outline = outline.with_context(|| format!("{shown} is not an ELF executable"))?;
    let maps = procfs::process::Process::new(i32::try_from(pid)?)
        .and_then(|process| process.maps())
        .with_context(|| format!("cannot read the memory map of process {pid}"))?;
    // Mappings start at multiples of the page size.
    let page = rustix::param::page_size() as u64;
    maps.iter()
        .filter(|map| map.perms.contains(MMPermissions::EXECUTE))
        .filter(|map| map.inode == metadata.ino() && is_same_file(map, process, &metadata))
        .find_map(|map| outline.segments.iter().find_map(|segment| bias(segment, map.offset, map.address.0, page)))
        .with_context(|| format!("process {pid} has no mapping of {}", process.binary))
}

/// Whether a mapping with the binary's inode number is of the binary. The device decides, or the path, because some file systems
/// show another device number in the memory map than in the file's attributes.
fn is_same_file(map: &MemoryMap, process: &Process, metadata: &fs::Metadata) -> bool {
    let same_device = u32::try_from(map.dev.0)
        .ok()
        .zip(u32::try_from(map.dev.1).ok())
        .is_some_and(|(major, minor)| libc::makedev(major, minor) == metadata.dev());
    let same_path = matches!(&map.pathname, MMapPath::Path(path)
        if path.to_string_lossy().trim_end_matches(" (deleted)") == process.binary);
    same_device || same_path
}

/// The load bias if an executable segment was mapped at `start` from `offset` in its file; `None` if the mapping is not of that
/// segment.
fn bias(segment: &Segment, offset: u64, start: u64, page: u64) -> Option<u64> {
    let down = |value: u64| value - value % page;
    (segment.executable && down(segment.offset) == offset).then(|| start.wrapping_sub(down(segment.address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: Segment = Segment {
        address: 0x5040,
        offset: 0x4040,
        file_size: 0x1000,
        memory_size: 0x1000,
        executable: true,
        writable: false,
    };

    #[test]
    fn bias_of_a_mapping() {
        assert_eq!(bias(&TEXT, 0x4000, 0x5555_0000_5000, 4096), Some(0x5555_0000_0000));
        assert_eq!(bias(&TEXT, 0x4000, 0x5000, 4096), Some(0));
        assert_eq!(bias(&TEXT, 0, 0x5555_0000_0000, 0x1_0000), Some(0x5555_0000_0000));
        assert_eq!(bias(&TEXT, 0x5000, 0x5555_0000_5000, 4096), None);
        assert_eq!(bias(&Segment { executable: false, ..TEXT }, 0x4000, 0x5000, 4096), None);
    }
}
