//! Finds branches on a logger's event flags, which decide whether an event is logged.

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};

use crate::target::code::{Body, encoding};

/// `LOG_FETCHERS` in the logger's event flags: memcached's `logger.h`.
pub(super) const LOG_FETCHERS: u64 = 1 << 2;
/// The test may be at most this many instructions before its branch.
const DISTANCE_MAX: usize = 8;
/// Range of displacements of the event flags in a logger; it is 0x54 in every version so far.
const DISPLACEMENTS: std::ops::Range<u64> = 0x10..0x200;

/// A branch on an event flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlagBranch {
    /// Address of the branch.
    pub address: u64,
    /// Where the logging side begins.
    pub logging_side: u64,
    /// The register that points to the logger, in the processor's encoding order.
    pub logger: u8,
    /// Displacement of the flags in the logger.
    pub displacement: u64,
}

/// All branches on a flag of a logger. The flag must be one of the low eight bits.
pub(super) fn flag_branches(body: &Body, flag: u64) -> Vec<FlagBranch> {
    let instructions = body.instructions();
    let mut found = Vec::new();
    for (position, branch) in instructions.iter().enumerate() {
        if branch.flow_control() != FlowControl::ConditionalBranch {
            continue;
        }
        let logging_side = match branch.mnemonic() {
            Mnemonic::Je => branch.next_ip(),
            Mnemonic::Jne => branch.near_branch_target(),
            _ => continue,
        };
        let first = position.saturating_sub(DISTANCE_MAX);
        let before = instructions.get(first..position).unwrap_or_default();
        if let Some((logger, displacement)) = tested_flags(body, branch, before, flag) {
            found.push(FlagBranch { address: branch.ip(), logging_side, logger, displacement });
        }
    }
    found
}

/// The register of the logger and the displacement of its flags, if the instructions before a branch test the flag and no jump
/// leads in between.
fn tested_flags(body: &Body, branch: &Instruction, before: &[Instruction], flag: u64) -> Option<(u8, u64)> {
    // A loaded copy of the flags that the test is on, whose load is still to be found.
    let mut copy: Option<u8> = None;
    let mut next = branch;
    let mut tested = false;
    for instruction in before.iter().rev() {
        let straight = instruction.flow_control() == FlowControl::Next
            && instruction.next_ip() == next.ip()
            && !body.is_jump_target(next.ip());
        if !straight {
            return None;
        }
        next = instruction;
        if !tested {
            if instruction.rflags_modified() == 0 {
                continue;
            }
            let is_test = instruction.mnemonic() == Mnemonic::Test
                && instruction.try_immediate(1).is_ok_and(|value| value == flag);
            if !is_test {
                return None;
            }
            tested = true;
            match instruction.op0_kind() {
                OpKind::Memory => return field(instruction),
                OpKind::Register => copy = encoding(instruction.op0_register()),
                _ => return None,
            }
            copy?;
            continue;
        }
        if instruction.op0_kind() == OpKind::Register && encoding(instruction.op0_register()) == copy {
            let loads = matches!(instruction.mnemonic(), Mnemonic::Mov | Mnemonic::Movzx)
                && instruction.op1_kind() == OpKind::Memory;
            return loads.then(|| field(instruction)).flatten();
        }
    }
    None
}

/// Base register and displacement of a plain memory operand.
fn field(instruction: &Instruction) -> Option<(u8, u64)> {
    let plain =
        instruction.memory_index() == Register::None && DISPLACEMENTS.contains(&instruction.memory_displacement64());
    plain.then(|| Some((encoding(instruction.memory_base())?, instruction.memory_displacement64())))?
}
