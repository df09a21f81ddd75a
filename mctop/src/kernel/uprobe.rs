//! A uprobe on mctop's own code, without an eBPF program: it only counts its hits.

use std::ffi::CString;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use anyhow::Context;
use aya_obj::generated::{PERF_FLAG_FD_CLOEXEC, perf_event_attr};
use procfs::process::{MMapPath, Process};

/// mctop's own binary.
pub(crate) const OWN_BINARY: &str = "/proc/self/exe";
/// Where the kernel describes the perf events of uprobes.
const EVENTS: &str = "/sys/bus/event_source/devices/uprobe";

/// An attached probe. Dropping it detaches the probe.
pub(crate) struct Uprobe(fs::File);

impl Uprobe {
    /// Probes the return of one of mctop's functions in a single-threaded process that runs mctop's binary.
    pub(crate) fn on_return(process: i32, function: u64) -> anyhow::Result<Self> {
        let number = |file: &str, text: &str| {
            let path = Path::new(EVENTS).join(file);
            let content = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let number = content.trim().strip_prefix(text).and_then(|number| number.parse::<u32>().ok());
            number.with_context(|| format!("{} has an unknown format: {content:?}", path.display()))
        };
        let path = CString::new(OWN_BINARY)?;
        // SAFETY: the structure has only integers, for which 0 is valid.
        let mut attributes: perf_event_attr = unsafe { std::mem::zeroed() };
        attributes.size = u32::try_from(size_of::<perf_event_attr>())?;
        attributes.type_ = number("type", "")?;
        attributes.config = 1_u64.checked_shl(number("format/retprobe", "config:")?).unwrap_or_default();
        attributes.__bindgen_anon_3.config1 = path.as_ptr() as u64;
        attributes.__bindgen_anon_4.config2 = own_offset(function)?;
        let (any_cpu, no_group) = (-1, -1);
        // SAFETY: the attributes and the path that they point to outlive the call, which does not write to them.
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
            return Err(io::Error::last_os_error()).context("cannot attach a return probe to the test process");
        }
        // SAFETY: the file descriptor has just been opened, and nothing else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(RawFd::try_from(opened)?) }.into()))
    }

    /// How often the probe was hit.
    pub(crate) fn hits(&mut self) -> io::Result<u64> {
        let mut count = [0; 8];
        self.0.read_exact(&mut count)?;
        Ok(u64::from_ne_bytes(count))
    }
}

/// The offset in mctop's binary of an address in its code.
pub(crate) fn own_offset(address: u64) -> anyhow::Result<u64> {
    Process::myself()?
        .maps()?
        .iter()
        .find(|map| (map.address.0..map.address.1).contains(&address) && matches!(map.pathname, MMapPath::Path(_)))
        .map(|map| address - map.address.0 + map.offset)
        .context("mctop's own code is not mapped from a file")
}
