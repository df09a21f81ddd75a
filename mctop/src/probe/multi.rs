//! Uprobes as `BPF_TRACE_UPROBE_MULTI` links, which several threads can detach concurrently.
//!
//! Detaching the alternative, one perf event per uprobe, is slow: `perf_uprobe_destroy` (kernel/trace/trace_event_perf.c) waits for
//! several RCU grace periods while it holds `event_mutex`, so that each probe takes 0.1 s and threads do not help.
//! `bpf_uprobe_multi_link_release` (kernel/trace/bpf_trace.c) waits for its grace periods without a lock, so that many links share
//! them. Traps are cheaper, too, above all if several processes of one file are probed.
//!
//! aya 0.14 attaches only perf events. From 0.16 on it supports these links, but needs a newer Rust than mctop. So aya creates
//! the maps, this module loads the programs for this kind of link, and then passes each program back to aya.

use std::collections::HashSet;
use std::ffi::{CString, c_long};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;
use aya::Ebpf;
use aya::maps::Map;
use aya::programs::{ProbeKind, Program, UProbe, loaded_programs};
use aya_obj::generated::bpf_attach_type::BPF_TRACE_UPROBE_MULTI;
use aya_obj::generated::bpf_cmd::{self, BPF_LINK_CREATE, BPF_PROG_LOAD};
use aya_obj::generated::bpf_prog_type::BPF_PROG_TYPE_KPROBE;
use aya_obj::generated::{BPF_F_UPROBE_MULTI_RETURN, bpf_attr};

use super::privilege;
use super::uprobe::Location;

/// The smallest program of the object, which is used to test whether the kernel supports these links.
const SMALLEST: &str = "calibrate";

/// How many bytes of the verifier's log are read. Kernels with these links keep the end of a long log, which is what matters.
const LOG_BYTES: usize = 64 << 10;

/// Loads the object's programs for such links.
pub(super) struct Loader {
    object: aya_obj::Object,
}

impl Loader {
    /// A loader for an object whose maps are in `ebpf`; `None` if the kernel has no such links that watch whole processes.
    pub(super) fn new(object: &[u8], ebpf: &Ebpf) -> anyhow::Result<Option<Self>> {
        let mut object = aya_obj::Object::parse(object).context("cannot read the eBPF object")?;
        let sections: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
        let maps = std::mem::take(&mut object.maps);
        let mut descriptors = Vec::new();
        for (name, map) in &maps {
            let created =
                ebpf.map(name).with_context(|| format!("the map {name} of the eBPF object was not created"))?;
            let created = descriptor(created)
                .with_context(|| format!("the map {name} of the eBPF object is of an unknown kind"))?;
            descriptors.push((name.as_str(), created.as_raw_fd(), map));
        }
        object.relocate_maps(descriptors.into_iter(), &sections)?;
        object.relocate_calls(&sections)?;
        let loader = Self { object };
        Ok(loader.is_supported()?.then_some(loader))
    }

    /// Linux has these links since 6.6, but before 6.10 they watch one thread instead of a process. The test is from libbpf
    /// (`probe_uprobe_multi_link` in tools/lib/bpf/features.c): a link to a directory fails with EBADF if the kernel has these links,
    /// and with EINVAL for the process id -1 if they watch processes.
    fn is_supported(&self) -> anyhow::Result<bool> {
        let program = self.loaded(SMALLEST).with_context(|| format!("cannot load the eBPF program {SMALLEST}"))?;
        let error_for = |process| {
            let link = link(program.as_fd(), ProbeKind::Entry, Path::new("/"), 1, None, process);
            link.err().and_then(|error| error.raw_os_error())
        };
        Ok(error_for(0) == Some(libc::EBADF) && error_for(u32::MAX) == Some(libc::EINVAL))
    }

    /// Loads a uprobe program by its name and passes it to aya.
    pub(super) fn load(&self, name: &str, ebpf: &mut Ebpf) -> anyhow::Result<()> {
        let slot = ebpf.program_mut(name).with_context(|| format!("the eBPF object has no program {name}"))?;
        let Program::UProbe(unloaded) = &*slot else { anyhow::bail!("the eBPF program {name} is not a uprobe") };
        let kind = unloaded.kind();
        let program = self.loaded(name).map_err(|error| {
            // If privileges are missing, the verifier has not started and its log is empty.
            let verified = self.loaded_with(name, &mut vec![0; LOG_BYTES]);
            match verified.err().map(|(_, log)| log).filter(|log| !log.is_empty()) {
                Some(log) => privilege::rejected_by_verifier(name, &error, &log).into(),
                None => privilege::explain(error.into(), &format!("load the eBPF program {name}")),
            }
        })?;
        *slot = Program::UProbe(known_to_aya(program.as_fd(), name, kind)?);
        Ok(())
    }

    fn loaded(&self, name: &str) -> io::Result<OwnedFd> {
        self.loaded_with(name, &mut []).map_err(|(error, _)| error)
    }

    /// Loads a program. An error comes with the end of the verifier's log, as much as fits into `log`.
    fn loaded_with(&self, name: &str, log: &mut [u8]) -> Result<OwnedFd, (io::Error, String)> {
        let program = self.object.programs.get(name);
        let function = program.and_then(|program| self.object.functions.get(&program.function_key()));
        let Some((program, function)) = program.zip(function) else {
            return Err((io::ErrorKind::NotFound.into(), String::new()));
        };
        let mut attributes = no_attributes();
        attributes.__bindgen_anon_3.prog_type = BPF_PROG_TYPE_KPROBE as u32;
        attributes.__bindgen_anon_3.expected_attach_type = BPF_TRACE_UPROBE_MULTI as u32;
        attributes.__bindgen_anon_3.insns = function.instructions.as_ptr() as u64;
        attributes.__bindgen_anon_3.insn_cnt = function.instructions.len() as u32;
        attributes.__bindgen_anon_3.license = program.license.as_ptr() as u64;
        let mut short = [0; 16];
        // The last byte remains 0.
        for (to, byte) in short.iter_mut().take(15).zip(name.bytes()) {
            *to = byte as _;
        }
        attributes.__bindgen_anon_3.prog_name = short;
        if !log.is_empty() {
            attributes.__bindgen_anon_3.log_level = 1;
            attributes.__bindgen_anon_3.log_buf = log.as_mut_ptr() as u64;
            attributes.__bindgen_anon_3.log_size = log.len() as u32;
        }
        bpf(BPF_PROG_LOAD, &mut attributes).map_err(|error| {
            let text = log.split(|byte| *byte == 0).next().unwrap_or_default();
            (error, String::from_utf8_lossy(text).trim().to_owned())
        })
    }
}

/// Passes a loaded program to aya, which opens a file descriptor of its own.
fn known_to_aya(program: BorrowedFd<'_>, name: &str, kind: ProbeKind) -> anyhow::Result<UProbe> {
    let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let id: u32 = text
        .lines()
        .find_map(|line| line.strip_prefix("prog_id:")?.trim().parse().ok())
        .with_context(|| format!("{path} does not contain the program's id"))?;
    let info = loaded_programs()
        .filter_map(Result::ok)
        .find(|info| info.id() == id)
        .with_context(|| format!("the kernel does not list the eBPF program {name}, although it is loaded"))?;
    // SAFETY: it was loaded as a uprobe program of this kind.
    Ok(unsafe { UProbe::from_program_info(info, name.to_owned().into(), kind) }?)
}

/// Attaches a program that was loaded for this kind of link, until the link is closed.
pub(super) fn attach(program: &UProbe, location: &Location<'_>) -> anyhow::Result<OwnedFd> {
    let (kind, process) = (program.kind(), location.process.get());
    Ok(link(program.fd()?.as_fd(), kind, location.image, location.offset, location.cookie, process)?)
}

fn link(
    program: BorrowedFd<'_>,
    kind: ProbeKind,
    image: &Path,
    offset: u64,
    cookie: Option<u64>,
    process: u32,
) -> io::Result<OwnedFd> {
    let path = CString::new(image.as_os_str().as_bytes())?;
    let mut attributes = no_attributes();
    attributes.link_create.__bindgen_anon_1.prog_fd = program.as_raw_fd() as u32;
    attributes.link_create.attach_type = BPF_TRACE_UPROBE_MULTI as u32;
    attributes.link_create.__bindgen_anon_3.uprobe_multi.path = path.as_ptr() as u64;
    attributes.link_create.__bindgen_anon_3.uprobe_multi.offsets = &raw const offset as u64;
    if let Some(cookie) = &cookie {
        attributes.link_create.__bindgen_anon_3.uprobe_multi.cookies = std::ptr::from_ref(cookie) as u64;
    }
    attributes.link_create.__bindgen_anon_3.uprobe_multi.cnt = 1;
    attributes.link_create.__bindgen_anon_3.uprobe_multi.pid = process;
    if matches!(kind, ProbeKind::Return) {
        attributes.link_create.__bindgen_anon_3.uprobe_multi.flags = BPF_F_UPROBE_MULTI_RETURN;
    }
    bpf(BPF_LINK_CREATE, &mut attributes)
}

/// The file descriptor of a map; `None` for kinds of maps that uprobe programs do not use.
fn descriptor(map: &Map) -> Option<BorrowedFd<'_>> {
    match map {
        Map::Array(map)
        | Map::ArrayOfMaps(map)
        | Map::HashMap(map)
        | Map::HashOfMaps(map)
        | Map::LpmTrie(map)
        | Map::LruHashMap(map)
        | Map::PerCpuArray(map)
        | Map::PerCpuHashMap(map)
        | Map::PerCpuLruHashMap(map)
        | Map::PerfEventArray(map)
        | Map::ProgramArray(map)
        | Map::Queue(map)
        | Map::RingBuf(map)
        | Map::Stack(map) => Some(map.fd().as_fd()),
        _ => None,
    }
}

fn no_attributes() -> bpf_attr {
    // SAFETY: all variants consist of integers and arrays of integers, for which 0 is valid.
    unsafe { std::mem::zeroed() }
}

/// bpf(2), for commands that return a file descriptor.
fn bpf(command: bpf_cmd, attributes: &mut bpf_attr) -> io::Result<OwnedFd> {
    let at = std::ptr::from_mut(attributes);
    // SAFETY: the attributes have this size, and they and what they point to outlive the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command as c_long, at, size_of::<bpf_attr>()) };
    match i32::try_from(result) {
        // SAFETY: the kernel has just opened this file descriptor, and nothing else owns it.
        Ok(opened) if opened >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(opened) }),
        _ => Err(io::Error::last_os_error()),
    }
}
