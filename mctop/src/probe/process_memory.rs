//! Reads the memory of other processes.

use std::io::{self, IoSliceMut};

use rustix::process::Pid;

/// Reads `N` bytes at an address of a process.
pub(super) fn read<const N: usize>(pid: u32, address: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let local = IoSliceMut::new(&mut bytes);
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: N };
    // SAFETY: the local vector is one live buffer of N bytes; the kernel checks the remote address.
    let read = unsafe {
        libc::process_vm_readv(pid.as_raw_nonzero().get(), (&raw const local).cast(), 1, &raw const remote, 1, 0)
    };
    match usize::try_from(read) {
        Ok(read) if read == N => Ok(bytes),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_where_it_is_mapped() {
        let value = 0x1234_5678u32;
        assert_eq!(read(std::process::id(), &raw const value as u64).unwrap(), value.to_ne_bytes());
        assert!(read::<4>(std::process::id(), 8).is_err());
    }
}
