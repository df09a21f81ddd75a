//! Whether a program learns by its attach cookie at which probe it runs, tried on mctop itself, as on a server: the program that
//! remembers requests is attached to code of mctop's own, passes a request, and must have remembered it for the server that the
//! description under its cookie names.

use std::arch::naked_asm;

use anyhow::Context;
use aya::maps::HashMap as BpfHashMap;
use aya::programs::ProgramError;
use mctop_common::limits::SITES_MAX;
use mctop_common::records::{Command, Operand, Site};

use super::cost::trap;
use super::object::Object;
use crate::model::probe_point::ProbeKind;

/// The description that the program is to find, the last one.
const NUMBER: u32 = SITES_MAX - 1;
/// The server that it names, which is none.
const SERVER: u32 = 0x6d63_746f;
/// Where the first argument of a function is, by the processor's encoding order.
#[cfg(target_arch = "x86_64")]
const ARGUMENT: u8 = 7;
/// As above.
#[cfg(target_arch = "aarch64")]
const ARGUMENT: u8 = 0;

/// Begins with an instruction that the kernel emulates, where its argument is in its register.
#[unsafe(naked)]
extern "C" fn request(_text: *const u8) {
    naked_asm!("nop", "ret")
}

/// Tries it; no other probe may be attached.
///
/// # Errors
/// When the probe cannot be attached for other reasons than that the kernel knows no cookies, or the object has a defect.
pub(crate) fn arrives(object: &mut Object) -> anyhow::Result<bool> {
    let site = Site { target: SERVER, key: Operand::register(ARGUMENT), ..Site::default() };
    object.sites.set(NUMBER, site, 0).context("cannot describe a probe site")?;
    let function = request as *const () as u64;
    let link = match trap::attach_to_ourselves(object, ProbeKind::Command.name(), function, Some(NUMBER.into())) {
        Ok(link) => link,
        Err(error) if is_unknown(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    // On the stack, because the program cannot read a page that has not been touched.
    let text = *b"get key\r\n";
    request(text.as_ptr());
    drop(link);
    let map = object.ebpf.map_mut("COMMANDS").context("the eBPF object has no map COMMANDS")?;
    let commands: BpfHashMap<_, u32, Command> = map.try_into()?;
    let arrived = commands.iter().filter_map(Result::ok).any(|(_, command)| command.target == SERVER);
    object.forget_threads(SERVER)?;
    object.sites.set(NUMBER, Site::default(), 0).context("cannot describe a probe site")?;
    Ok(arrived)
}

/// Whether an error says that the kernel knows no attach cookies, as aya has found by trying.
#[must_use]
pub(crate) fn is_unknown(error: &anyhow::Error) -> bool {
    let mut said = error.chain().filter_map(|cause| cause.downcast_ref::<ProgramError>());
    said.any(|error| matches!(error, ProgramError::AttachCookieNotSupported))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aya_says_of_kernels_without() {
        let unknown = anyhow::Error::new(ProgramError::AttachCookieNotSupported).context("cannot attach");
        assert!(is_unknown(&unknown));
        assert!(!is_unknown(&ProgramError::AlreadyAttached.into()));
    }
}
