//! One eBPF program on one instruction of one process.

use std::fs::File;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aya::programs::uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope};

use super::multi;
use super::object::Object;

/// Most bytes that the kernel reads of an instruction (`MAX_UINSN_BYTES` on x86-64).
const INSTRUCTION_BYTES: usize = 16;

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Location<'a> {
    /// A path that opens the process's binary.
    pub image: &'a Path,
    /// The instruction's offset in it.
    pub offset: u64,
    /// The process, whose threads are all watched.
    pub process: NonZeroU32,
    /// What the program is told at each hit, where it asks.
    pub cookie: Option<u64>,
}

#[expect(dead_code, reason = "held only to be dropped")]
/// An attached program. It is taken off when this is dropped, which takes a while: see [`super::detach::gently`].
pub(crate) enum Link {
    /// As one of [`multi`]'s.
    Multi(OwnedFd),
    /// By a perf event, on kernels that have no others for processes: before Linux 6.10.
    Perf(UProbeLink),
}

impl Object {
    /// Attaches a program. Of several probes on one file, the first takes a grace period of RCU, and those that follow within
    /// another one next to nothing.
    ///
    /// # Errors
    /// A defect of the eBPF object, or what the kernel says.
    pub(crate) fn attach(&mut self, program: &str, location: &Location<'_>) -> anyhow::Result<Link> {
        if let Err(error) = read_into_cache(location.image, location.offset) {
            log::debug!("cannot read the instruction to be probed in {}: {error}", location.image.display());
        }
        let detaches_together = self.detaches_together();
        let program = self.uprobe(program)?;
        if detaches_together {
            return multi::attach(program, location).map(Link::Multi);
        }
        let point = UProbeAttachPoint {
            location: UProbeAttachLocation::AbsoluteOffset(location.offset),
            cookie: location.cookie,
        };
        let link = program.attach(point, location.image, UProbeScope::OneProcess(location.process))?;
        Ok(Link::Perf(program.take_link(link)?))
    }
}

/// Reads the instruction at an offset, so that its page is in the page cache when the kernel attaches a probe.
///
/// For a page that is not there, `__copy_insn` (kernel/events/uprobes.c) calls `read_mapping_page`, which reads the file without the
/// lock (`invalidate_lock`) that readers usually hold. On ext4 in kernels from 6.16 on that are built with `CONFIG_EXT4_DEBUG`,
/// `ext4_check_map_extents_env` (fs/ext4/inode.c) warns of that, and with `panic_on_warn` a warning ends the host. A page may be
/// missing that the process has mapped but not executed yet, or that was reclaimed since.
fn read_into_cache(image: &Path, offset: u64) -> io::Result<()> {
    match File::open(image)?.read_exact_at(&mut [0; INSTRUCTION_BYTES], offset) {
        // The file may end with the instruction.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::fs::{Advice, fadvise};
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
    use tempfile::NamedTempFile;

    use super::*;

    const PAGES: usize = 4096;

    /// Which pages of a file are in the page cache.
    fn cached(file: &File, page: usize) -> Vec<bool> {
        let mut states = vec![0_u8; PAGES];
        // SAFETY: a new mapping at an address of the kernel's choice, which nothing reads; one byte is there for each page.
        let told = unsafe {
            let at = mmap(std::ptr::null_mut(), PAGES * page, ProtFlags::READ, MapFlags::SHARED, file, 0).unwrap();
            let told = libc::mincore(at, PAGES * page, states.as_mut_ptr());
            munmap(at, PAGES * page).unwrap();
            told
        };
        assert_eq!(told, 0, "{}", io::Error::last_os_error());
        states.iter().map(|state| state & 1 != 0).collect()
    }

    #[test]
    fn an_instruction_is_in_the_page_cache_when_a_probe_is_attached_to_it() {
        // Beside the tests, because a temporary directory may be on a file system that is nothing but page cache.
        let tests = std::env::current_exe().unwrap();
        let mut file = NamedTempFile::new_in(tests.parent().unwrap()).unwrap();
        let page = rustix::param::page_size();
        file.write_all(&vec![0x90; PAGES * page]).unwrap();
        let file = file.into_temp_path();
        let opened = File::open(&file).unwrap();
        let forget = || {
            opened.sync_all().unwrap();
            fadvise(&opened, 0, None, Advice::DontNeed).unwrap();
            cached(&opened, page)
        };
        assert!(!forget().contains(&true), "the page cache does not forget");
        // An instruction that ends in the next page, and the last of the file.
        for (offset, pages) in [(2_000 * page - 1, 1_999..=2_000), (PAGES * page - 1, PAGES - 1..=PAGES - 1)] {
            read_into_cache(&file, offset as u64).unwrap();
            assert!(cached(&opened, page)[pages].iter().all(|is_cached| *is_cached), "{offset}");
            forget();
        }
        assert!(read_into_cache(Path::new("/nonexistent"), 0).is_err());
    }
}
