//! Tests whether attach cookies reach the programs, on mctop itself: the program that remembers requests is attached to a function of
//! mctop's own, is triggered by a call with a request, and must then have remembered it for the server in the description that the
//! cookie refers to.

use std::arch::naked_asm;

use mctop_common::limits::SITES_MAX;
use mctop_common::records::{Operand, Site};

use super::cost::trap;
use super::object::Object;
use super::privilege;
use crate::model::probe_point::ProbeKind;

/// The cookie; not 0, which programs get without cookies.
const COOKIE: u32 = SITES_MAX - 1;
/// The server in the description, which does not exist.
const SERVER: u32 = 0x6d63_746f;
/// The register of a function's first argument, by its number in the instruction encoding.
#[cfg(target_arch = "x86_64")]
const ARGUMENT: u8 = 7;
/// As above.
#[cfg(target_arch = "aarch64")]
const ARGUMENT: u8 = 0;

/// Starts with an instruction that the kernel emulates, when the argument is in its register.
#[unsafe(naked)]
extern "C" fn request(_text: *const u8) {
    naked_asm!("nop", "ret")
}

/// Whether cookies reach the programs. No other probe may be attached.
///
/// # Errors
/// If the probe cannot be attached for another reason than that the kernel does not support cookies.
pub(crate) fn arrives(object: &mut Object) -> anyhow::Result<bool> {
    let site = Site { target: SERVER, key: Operand::register(ARGUMENT), ..Site::default() };
    object.sites.describe(COOKIE, &site)?;
    let function = request as *const () as u64;
    let link = match trap::attach_to_own_code(
        &mut object.programs,
        ProbeKind::Command.name(),
        function,
        Some(COOKIE.into()),
    ) {
        Ok(link) => link,
        Err(error) if privilege::lacks_cookies(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    // On the stack, because the program cannot read a page that has not been touched.
    let text = *b"get key\r\n";
    request(text.as_ptr());
    drop(link);
    let arrived = object.has_command(SERVER)?;
    object.forget_threads(SERVER)?;
    object.sites.describe(COOKIE, &Site::default())?;
    Ok(arrived)
}
