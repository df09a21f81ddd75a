//! The read buffer of a connection, as `try_read_command_ascii` accesses it.

use iced_x86::{Instruction, Mnemonic, OpKind, Register};
use mctop_common::records::INPUT_LENGTH_OFFSET;

use crate::target::code::{Program, encoding};

/// How many instructions of `try_read_command_ascii` are looked at; it reads both fields in its first lines.
const INSTRUCTIONS: usize = 80;
/// Displacements in `conn` at which the buffer can be, from the layouts of all versions.
const DISPLACEMENTS: std::ops::Range<u64> = 0x40..0x400;

/// Where a connection keeps its unread input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBuffer {
    /// Displacement in `conn` of the pointer to it (`rcurr`).
    pub pointer: i32,
    /// Displacement in `conn` of its length (`rbytes`).
    pub length: i32,
}

/// Reads the displacements off the code: the only 8-byte load with a 4-byte access `INPUT_LENGTH_OFFSET` behind it.
#[must_use]
pub fn read_buffer(program: &Program<'_>, function: u64) -> Option<ReadBuffer> {
    let body = program.body(function)?;
    let (mut pointers, mut lengths) = (Vec::new(), Vec::new());
    for instruction in body.instructions().iter().take(INSTRUCTIONS) {
        let Some((displacement, size)) = field_read(instruction) else { continue };
        match size {
            8 => pointers.push(displacement),
            4 => lengths.push(displacement),
            _ => {}
        }
    }
    pointers.retain(|pointer| lengths.contains(&(pointer + INPUT_LENGTH_OFFSET)));
    pointers.sort_unstable();
    pointers.dedup();
    let [pointer] = pointers[..] else { return None };
    Some(ReadBuffer {
        pointer: i32::try_from(pointer).ok()?,
        length: i32::try_from(pointer + INPUT_LENGTH_OFFSET).ok()?,
    })
}

/// Whether a function searches its read buffer for a line end: the look of `try_read_command_ascii` in a static binary,
/// where `memchr` has no name.
#[must_use]
pub(super) fn searches_line_end(program: &Program<'_>, function: u64) -> bool {
    let Some(body) = program.body(function) else { return false };
    let line_end = body.instructions().iter().take(INSTRUCTIONS).any(|instruction| {
        instruction.mnemonic() == Mnemonic::Mov
            && instruction.op0_kind() == OpKind::Register
            && encoding(instruction.op0_register()) == encoding(Register::RSI)
            && instruction.try_immediate(1).is_ok_and(|value| value == u64::from(b'\n'))
    });
    line_end && read_buffer(program, function).is_some()
}

/// Displacement and size of a field that an instruction reads through a pointer register.
fn field_read(instruction: &Instruction) -> Option<(u64, usize)> {
    let compares = matches!(instruction.mnemonic(), Mnemonic::Cmp | Mnemonic::Test);
    let first_read = if compares { 0 } else { 1 };
    let reads = (first_read..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory);
    let through_pointer = encoding(instruction.memory_base()).is_some() && instruction.memory_index() == Register::None;
    let displacement = instruction.memory_displacement64();
    (reads && through_pointer && DISPLACEMENTS.contains(&displacement))
        .then(|| (displacement, instruction.memory_size().size()))
}
