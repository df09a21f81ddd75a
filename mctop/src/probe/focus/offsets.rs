//! Where the kernel's structures keep what leads from a thread to the other end of one of its sockets, by the running
//! kernel's own description of its types (BTF).

use std::fs;

use anyhow::Context;
use btfparse::{Offset, Readable, TypeInformation};
use mctop_common::focus::Offsets;

/// The kernel's description of its types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The description in memory, as the parser wants it.
struct Bytes(Vec<u8>);

impl Readable for Bytes {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> btfparse::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|from| self.0.get(from..));
        match from.and_then(|from| from.get(..buffer.len())) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(btfparse::Error::new(btfparse::ErrorKind::IOError, "the description of types ends early")),
        }
    }
}

/// The offsets on the running kernel.
///
/// # Errors
/// When the kernel does not describe its types, or describes others than those known.
pub(super) fn of_kernel() -> anyhow::Result<Offsets> {
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
    Ok(Offsets {
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
    fn the_running_kernel() {
        let offsets = of_kernel().unwrap();
        // `skc_daddr` has been the first member of `sock_common`, and that of `sock`, since 2009.
        assert_eq!(offsets.ipv4, 0, "{offsets:?}");
        assert!(offsets.ipv4 < offsets.port && offsets.port < offsets.family && offsets.family < offsets.ipv6);
    }

    #[test]
    fn a_damaged_description() {
        assert!(TypeInformation::new(&Bytes(vec![0x9f; 100])).is_err());
        let mut buffer = [0; 4];
        assert!(Bytes(vec![1; 5]).read(u64::MAX, &mut buffer).is_err());
        assert!(Bytes(vec![1; 5]).read(2, &mut buffer).is_err());
        Bytes(vec![1; 5]).read(1, &mut buffer).unwrap();
        assert_eq!(buffer, [1; 4]);
    }
}
