//! A decoded function, together with the fragments that were split off it.

use std::collections::{HashMap, HashSet};

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, OpKind};

use crate::target::elf::{AddressRange, Image};

/// Larger functions, in bytes, are not decoded; memcached's largest is below 64 KiB.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// The decoded instructions of one function.
#[derive(Debug)]
pub(crate) struct Body {
    entry: u64,
    instructions: Vec<Instruction>,
    index: HashMap<u64, usize>,
    jump_targets: HashSet<u64>,
}

impl Body {
    /// Decodes the ranges of a function, its own first. `None` if it is larger than any function of memcached.
    pub(crate) fn decode(image: &Image, ranges: &[AddressRange]) -> Option<Self> {
        if ranges.iter().map(AddressRange::len).sum::<u64>() > BODY_BYTES_MAX {
            return None;
        }
        let mut instructions = Vec::new();
        for range in ranges {
            instructions.extend(decode(image, *range));
        }
        let index = instructions.iter().enumerate().map(|(index, instruction)| (instruction.ip(), index)).collect();
        let jump_targets = instructions
            .iter()
            .filter(|instruction: &&Instruction| {
                matches!(instruction.flow_control(), FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch)
            })
            .map(Instruction::near_branch_target)
            .collect();
        Some(Self { entry: ranges.first()?.start, instructions, index, jump_targets })
    }

    /// Address of its first instruction.
    pub(crate) const fn entry(&self) -> u64 {
        self.entry
    }

    /// All instructions, range by range.
    pub(crate) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Position of the instruction at an address.
    pub(crate) fn position(&self, address: u64) -> Option<usize> {
        self.index.get(&address).copied()
    }

    /// The instruction at an address.
    pub(crate) fn at(&self, address: u64) -> Option<&Instruction> {
        self.instructions.get(self.position(address)?)
    }

    /// Whether a jump of the function leads to an address.
    pub(crate) fn is_jump_target(&self, address: u64) -> bool {
        self.jump_targets.contains(&address)
    }
}

/// Decodes a range, up to the first byte sequence that is not an instruction.
pub(super) fn decode(image: &Image, range: AddressRange) -> impl Iterator<Item = Instruction> + '_ {
    let limit = usize::try_from(range.len()).unwrap_or(0);
    let bytes = image.bytes(range.start, limit).unwrap_or_default();
    let mut decoder = Decoder::with_ip(64, bytes, range.start, DecoderOptions::NONE);
    std::iter::from_fn(move || {
        if !decoder.can_decode() {
            return None;
        }
        let instruction = decoder.decode();
        (!instruction.is_invalid()).then_some(instruction)
    })
}

/// The target of a direct jump or call.
pub(super) fn direct_target(instruction: &Instruction) -> Option<u64> {
    let is_flow = matches!(
        instruction.flow_control(),
        FlowControl::Call | FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch
    );
    (is_flow && instruction.op_count() == 1 && instruction.op0_kind() == OpKind::NearBranch64)
        .then(|| instruction.near_branch_target())
}
