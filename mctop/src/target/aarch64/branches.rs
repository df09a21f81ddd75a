//! Finds direct branches in AArch64 code. Every instruction is 32 bits wide, and the top six bits identify `b` and `bl` (Arm
//! Architecture Reference Manual, C4.1), so no disassembler is needed.

use crate::target::elf::{Image, Sections};

/// Top six bits of `b` and `bl`.
const OPCODE: u32 = 0xfc00_0000;
const B: u32 = 0x1400_0000;
const BL: u32 = 0x9400_0000;
/// `bti c` and `bti jc`: landing pads without other effects.
const BTI: [u32; 2] = [0xd503_245f, 0xd503_24df];
/// At most this much code is searched, in bytes.
const CODE_BYTES_MAX: usize = 64 << 20;

/// A direct branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    /// Address of the instruction.
    pub at: u64,
    /// The address that it transfers control to.
    pub target: u64,
    /// Whether it is a call.
    pub is_call: bool,
}

/// The branches in a binary's `.text`, ordered by address.
///
/// # Errors
/// That there is no `.text`, as a clause.
pub(super) fn read(image: &Image) -> Result<Vec<Branch>, String> {
    let text = Sections::read(image).and_then(|sections| sections.by_name(".text"));
    let text = text.ok_or("it has no section .text, so calls cannot be found")?;
    let (words, _) = text.bytes.as_chunks::<4>();
    let branches = (text.address..).step_by(4).zip(words.iter().take(CODE_BYTES_MAX / 4));
    Ok(branches.filter_map(|(at, word)| decode(at, u32::from_le_bytes(*word))).collect())
}

fn decode(at: u64, instruction: u32) -> Option<Branch> {
    let is_call = match instruction & OPCODE {
        BL => true,
        B => false,
        _ => return None,
    };
    // The offset is 26 bits, signed, in words.
    let words = (instruction << 6).cast_signed() >> 6;
    Some(Branch { at, target: at.wrapping_add_signed(i64::from(words) * 4), is_call })
}

/// The instruction to probe at the entry of a function: the first one after a landing pad. It must not be after `paciasp`, which
/// signs the return address: a return probe must replace the return address before that.
pub(super) fn head(image: &Image, function: u64) -> Option<u64> {
    let first = image.bytes(function, 4)?.first_chunk::<4>()?;
    let skipped = if BTI.contains(&u32::from_le_bytes(*first)) { 4 } else { 0 };
    function.checked_add(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches() {
        let target = |instruction| decode(0x1000, instruction).map(|branch| (branch.target, branch.is_call));
        assert_eq!(target(0x9400_0001), Some((0x1004, true)));
        assert_eq!(target(0x97ff_ffff), Some((0xffc, true)));
        assert_eq!(target(0x9600_0000), Some((0x1000u64.wrapping_sub(128 << 20), true)));
        assert_eq!(target(0x1400_0400), Some((0x2000, false)));
        // nop, ret, b.eq, cbz, blr x0, paciasp.
        for other in [0xd503_201f, 0xd65f_03c0, 0x5400_0040, 0xb400_0040, 0xd63f_0000, 0xd503_233f] {
            assert_eq!(target(other), None, "{other:x}");
        }
    }
}
