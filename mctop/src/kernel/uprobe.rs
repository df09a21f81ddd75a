//! A uprobe without an eBPF program, which only counts its hits, on this program's own code.

use std::ffi::CString;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use anyhow::Context;
use aya_obj::generated::{PERF_FLAG_FD_CLOEXEC, perf_event_attr};
use procfs::process::{MMapPath, Process};

/// The running program.
pub const OURSELVES: &str = "/proc/self/exe";
/// What the kernel tells of how uprobes are attached as perf events.
const EVENTS: &str = "/sys/bus/event_source/devices/uprobe";

/// An attached probe, until it is dropped.
pub struct Uprobe(fs::File);

impl Uprobe {
    /// Probes the return of a function of this program's in one process that runs it, whose only thread has the same number.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn on_return(process: i32, function: u64) -> anyhow::Result<Self> {
        let number = |file: &str, text: &str| {
            let path = Path::new(EVENTS).join(file);
            let said = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let number = said.trim().strip_prefix(text).and_then(|number| number.parse::<u32>().ok());
            number.with_context(|| format!("{} is not understood: {said:?}", path.display()))
        };
        let path = CString::new(OURSELVES)?;
        // SAFETY: plain numbers, all of which may be 0.
        let mut attributes: perf_event_attr = unsafe { std::mem::zeroed() };
        attributes.size = u32::try_from(size_of::<perf_event_attr>())?;
        attributes.type_ = number("type", "")?;
        attributes.config = 1_u64.checked_shl(number("format/retprobe", "config:")?).unwrap_or_default();
        attributes.__bindgen_anon_3.config1 = path.as_ptr() as u64;
        attributes.__bindgen_anon_4.config2 = own_offset(function)?;
        let (any_cpu, no_group) = (-1, -1);
        // SAFETY: the attributes and the path that they point to outlive the call, which writes to neither.
        let opened = unsafe {
            libc::syscall(
                libc::SYS_perf_event_open,
                &raw const attributes,
                process,
                any_cpu,
                no_group,
                u64::from(PERF_FLAG_FD_CLOEXEC),
            )
        };
        if opened < 0 {
            return Err(io::Error::last_os_error()).context("cannot probe the return of a function of mctop's own");
        }
        // SAFETY: a descriptor that has just been opened, and is nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(opened)?) }.into()))
    }

    /// How often it was hit.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn hits(&mut self) -> io::Result<u64> {
        let mut count = [0; 8];
        self.0.read_exact(&mut count)?;
        Ok(u64::from_ne_bytes(count))
    }
}

/// Where in the file of this program an address of its code lies.
///
/// # Errors
/// When it is not in that file, or what is mapped cannot be read.
pub fn own_offset(address: u64) -> anyhow::Result<u64> {
    Process::myself()?
        .maps()?
        .iter()
        .find(|map| (map.address.0..map.address.1).contains(&address) && matches!(map.pathname, MMapPath::Path(_)))
        .map(|map| address - map.address.0 + map.offset)
        .context("mctop's own code is not mapped from a file")
}
