//! Batch operations on BPF hash maps: one system call for thousands of entries, which aya does not offer.
//!
//! Commands and layout from the kernel's `include/uapi/linux/bpf.h` (since 5.6).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use aya::Pod;

const BPF_MAP_LOOKUP_AND_DELETE_BATCH: libc::c_long = 25;
const BPF_MAP_UPDATE_BATCH: libc::c_long = 26;

/// Entries asked for in one system call: 1 MiB of 64-byte values.
const CHUNK: usize = 16_384;

/// The `batch` member of `union bpf_attr`.
#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Empties a hash map, handing each entry to `each`. The map must be at rest: nobody writes to it meanwhile.
///
/// # Errors
/// What the kernel says: `EINVAL` before 5.6, `EPERM` without `CAP_BPF`.
pub fn drain<K: Pod + Default, V: Pod + Default>(map: BorrowedFd<'_>, mut each: impl FnMut(&K, &V)) -> io::Result<()> {
    let mut chunk = CHUNK;
    let mut keys = vec![K::default(); chunk];
    let mut values = vec![V::default(); chunk];
    let mut position = 0u64;
    let mut first = true;
    loop {
        let mut next = 0u64;
        let mut attr = BatchAttr {
            in_batch: if first { 0 } else { &raw const position as u64 },
            out_batch: &raw mut next as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: u32::try_from(chunk).unwrap_or(u32::MAX),
            map_fd: map.as_raw_fd().cast_unsigned(),
            ..BatchAttr::default()
        };
        // SAFETY: the attribute points at live buffers of `count` keys and values of the map's sizes, and at two words for
        // the position, of which the kernel uses four bytes.
        let error = unsafe { call(BPF_MAP_LOOKUP_AND_DELETE_BATCH, &mut attr) }.err();
        let code = error.as_ref().and_then(io::Error::raw_os_error);
        if code == Some(libc::ENOSPC) {
            // One hash bucket holds more entries than the buffer has room for; nothing was taken.
            chunk *= 2;
            keys.resize(chunk, K::default());
            values.resize(chunk, V::default());
            continue;
        }
        if let Some(error) = error
            && code != Some(libc::ENOENT)
        {
            return Err(error);
        }
        for (key, value) in keys.iter().zip(&values).take(attr.count as usize) {
            each(key, value);
        }
        if code == Some(libc::ENOENT) {
            return Ok(());
        }
        position = next;
        first = false;
    }
}

/// Writes entries into a hash map.
///
/// # Errors
/// What the kernel says: `E2BIG` when the map is full.
pub fn update<K: Pod, V: Pod>(map: BorrowedFd<'_>, keys: &[K], values: &[V]) -> io::Result<()> {
    let mut attr = BatchAttr {
        keys: keys.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count: u32::try_from(keys.len().min(values.len())).unwrap_or(u32::MAX),
        map_fd: map.as_raw_fd().cast_unsigned(),
        ..BatchAttr::default()
    };
    // SAFETY: the attribute points at live slices of at least `count` keys and values of the map's sizes.
    unsafe { call(BPF_MAP_UPDATE_BATCH, &mut attr) }
}

/// # Safety
/// The attribute must be what the command reads and writes, its pointers live.
unsafe fn call(command: libc::c_long, attr: &mut BatchAttr) -> io::Result<()> {
    // SAFETY: as the caller promises; the size tells the kernel how much of the union is there.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attr, size_of::<BatchAttr>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
