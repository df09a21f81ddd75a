//! A uprobe: an eBPF program attached to an instruction of a process.

use std::fs::File;
use std::io;
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aya::programs::uprobe::UProbeLink;

/// Maximum number of bytes that the kernel reads of an instruction (`MAX_UINSN_BYTES` on x86-64).
const INSTRUCTION_BYTES: usize = 16;

/// Where a program is attached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Location<'a> {
    /// A path that opens the process's binary.
    pub image: &'a Path,
    /// The offset of the instruction in the binary.
    pub offset: u64,
    /// The process. All its threads are probed.
    pub process: NonZeroU32,
    /// A number that the program can ask for at each trap (`bpf_get_attach_cookie`).
    pub cookie: Option<u64>,
}

/// An attached program. Dropping it detaches the program, which may take several RCU grace periods.
#[expect(dead_code, reason = "held only to be dropped")]
pub(crate) enum Link {
    /// A `BPF_TRACE_UPROBE_MULTI` link, from Linux 6.10 on.
    Multi(OwnedFd),
    /// A perf event, on kernels before Linux 6.10.
    Perf(UProbeLink),
}

/// Reads the instruction at an offset, so that its page is in the page cache when the kernel attaches a probe.
///
/// If the page is missing, `__copy_insn` (kernel/events/uprobes.c) calls `read_mapping_page`, which reads the file without the lock that
/// readers usually hold (`invalidate_lock`). From 6.16 on, kernels built with `CONFIG_EXT4_DEBUG` warn about that on ext4
/// (`ext4_check_map_extents_env` in fs/ext4/inode.c), and with `panic_on_warn` a warning crashes the host. A page is missing if the
/// process has not executed it yet, or if it was reclaimed.
pub(super) fn read_into_cache(image: &Path, offset: u64) -> io::Result<()> {
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
        // SAFETY: a new mapping at an address chosen by the kernel, which nothing reads; there is one byte for each page.
        let result = unsafe {
            let at = mmap(std::ptr::null_mut(), PAGES * page, ProtFlags::READ, MapFlags::SHARED, file, 0).unwrap();
            let result = libc::mincore(at, PAGES * page, states.as_mut_ptr());
            munmap(at, PAGES * page).unwrap();
            result
        };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        states.iter().map(|state| state & 1 != 0).collect()
    }

    #[test]
    fn an_instruction_is_in_the_page_cache_when_a_probe_is_attached_to_it() {
        // Next to the test binary, because temporary directories may be on tmpfs, which lives in the page cache.
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
        assert!(!forget().contains(&true), "the pages cannot be evicted from the page cache");
        // An instruction that ends in the next page, and the last one of the file.
        for (offset, pages) in [(2_000 * page - 1, 1_999..=2_000), (PAGES * page - 1, PAGES - 1..=PAGES - 1)] {
            read_into_cache(&file, offset as u64).unwrap();
            assert!(cached(&opened, page)[pages].iter().all(|is_cached| *is_cached), "{offset}");
            forget();
        }
        assert!(read_into_cache(Path::new("/nonexistent"), 0).is_err());
    }
}
