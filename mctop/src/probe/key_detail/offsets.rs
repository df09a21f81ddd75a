//! The offsets in the kernel's structures that lead from a thread to the remote end of one of its sockets, from the running kernel's
//! description of its types (BTF).

use std::fs;

use anyhow::Context;
use btfparse::{Offset, Readable, TypeInformation};
use mctop_common::key_detail::KernelOffsets;

/// The kernel's description of its types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The description in memory, for the parser.
struct Bytes(Vec<u8>);

impl Readable for Bytes {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> btfparse::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|from| self.0.get(from..));
        match from.and_then(|from| from.get(..buffer.len())) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(btfparse::Error::new(btfparse::ErrorKind::IOError, "the description of types is truncated")),
        }
    }
}

/// The offsets on the running kernel.
pub(super) fn of_kernel() -> anyhow::Result<KernelOffsets> {
    let bytes =
        fs::read(VMLINUX).with_context(|| format!("cannot read the kernel's description of its types, {VMLINUX}"))?;
    let types =
        TypeInformation::new(&Bytes(bytes)).map_err(|error| anyhow::anyhow!("cannot read {VMLINUX}: {error:?}"))?;
    let offset = |structure: &str, member: &str| {
        let found = types.id_of(structure).and_then(|id| types.offset_of(id, member).ok());
        match found {
            Some((_, Offset::ByteOffset(offset))) => Ok(offset),
            _ => anyhow::bail!("the kernel's {structure} has no {member}"),
        }
    };
    Ok(KernelOffsets {
        files: offset("task_struct", "files")?,
        table: offset("files_struct", "fdt")?,
        descriptors: offset("fdtable", "fd")?,
        private_data: offset("file", "private_data")?,
        sock: offset("socket", "sk")?,
        family: offset("sock", "__sk_common.skc_family")?,
        port: offset("sock", "__sk_common.skc_dport")?,
        ipv4: offset("sock", "__sk_common.skc_daddr")?,
        ipv6: offset("sock", "__sk_common.skc_v6_daddr")?,
        peer: offset("sock", "sk_peer_pid")?,
        number: offset("pid", "numbers")? + offset("upid", "nr")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs BTF"]
    fn the_running_kernel_describes_its_types() {
        let offsets = of_kernel().unwrap();
        // Since 2009, `skc_daddr` has been the first member of `sock_common`, which is the first member of `sock`.
        assert_eq!(offsets.ipv4, 0, "{offsets:?}");
        assert!(offsets.ipv4 < offsets.port && offsets.port < offsets.family && offsets.family < offsets.ipv6);
    }

    #[test]
    fn a_damaged_description_is_an_error() {
        assert!(TypeInformation::new(&Bytes(vec![0x9f; 100])).is_err());
        let mut buffer = [0; 4];
        assert!(Bytes(vec![1; 5]).read(u64::MAX, &mut buffer).is_err());
        assert!(Bytes(vec![1; 5]).read(2, &mut buffer).is_err());
        Bytes(vec![1; 5]).read(1, &mut buffer).unwrap();
        assert_eq!(buffer, [1; 4]);
    }
}
