//! Chooses the instruction to probe at the entry of a function: the cheapest one at which its arguments are still in place.

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess};

use super::code::{Body, RSP, encoding, is_emulated};
use super::elf::Image;

/// At most this many instructions at the entry are examined.
const HEAD_MAX: usize = 16;
/// Length of the longest instruction, in bytes.
const INSTRUCTION_BYTES: usize = 15;

/// The instruction to probe at the entry of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryPoint {
    /// Virtual address.
    pub address: u64,
    /// Whether the kernel emulates the instruction there.
    pub emulated: bool,
}

/// The first emulated instruction that every call executes once while the `live` registers (in the processor's encoding order) are
/// unchanged; else the first instruction after `endbr64`.
pub(super) fn entry(image: &Image, body: &Body, live: &[u8]) -> Option<EntryPoint> {
    let mut factory = InstructionInfoFactory::new();
    let mut first = None;
    let mut address = body.entry();
    for _ in 0..HEAD_MAX {
        let Some(instruction) = body.at(address) else { break };
        if instruction.mnemonic() == Mnemonic::Endbr64 {
            address = instruction.next_ip();
            continue;
        }
        // A jump back would hit the probe more than once per call.
        let once = !body.is_jump_target(address);
        if once || first.is_none() {
            let emulated = image.bytes(address, INSTRUCTION_BYTES).is_some_and(is_emulated);
            if once && emulated {
                return Some(EntryPoint { address, emulated });
            }
            first.get_or_insert(EntryPoint { address, emulated });
        }
        if !once || instruction.flow_control() != FlowControl::Next || disturbs(instruction, live, &mut factory) {
            break;
        }
        address = instruction.next_ip();
    }
    first
}

/// Whether an instruction changes a live register, or memory other than the function's own frame.
fn disturbs(instruction: &Instruction, live: &[u8], factory: &mut InstructionInfoFactory) -> bool {
    let writes = |access: OpAccess| {
        matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
    };
    let info = factory.info(instruction);
    let register = info.used_registers().iter().any(|used| {
        writes(used.access()) && encoding(used.register().full_register()).is_some_and(|number| live.contains(&number))
    });
    let memory = info.used_memory().iter().any(|used| writes(used.access()) && encoding(used.base()) != Some(RSP));
    register || memory
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::fixture::{CODE, body, bytes, image};

    const RSI: u8 = 6;

    fn entry_of(listing: &str) -> (u64, bool) {
        let entry = entry(&image(&bytes(listing)), &body(listing), &[RSI]).unwrap();
        (entry.address - CODE, entry.emulated)
    }

    #[test]
    fn the_first_emulated_instruction_with_arguments_in_place() {
        assert_eq!(entry_of("41 57 ; push r15\n c3 ; ret"), (0, true));
        assert_eq!(entry_of("f3 0f 1e fa ; endbr64\n 41 57 ; push r15\n c3 ; ret"), (4, true));
        assert_eq!(
            entry_of("48 89 f8 ; mov rax,rdi\n 48 83 ec 18 ; sub rsp,0x18\n 53 ; push rbx\n c3 ; ret"),
            (7, true)
        );
    }

    #[test]
    fn else_the_first_instruction() {
        // The argument is overwritten before the push.
        assert_eq!(entry_of("31 f6 ; xor esi,esi\n 53 ; push rbx\n c3 ; ret"), (0, false));
        // Memory that may be the request is written before the push.
        assert_eq!(entry_of("c6 06 00 ; mov byte [rsi],0\n 53 ; push rbx\n c3 ; ret"), (0, false));
        // The push is in a loop.
        assert_eq!(entry_of("48 89 f8 ; mov rax,rdi\n 53 ; push rbx\n 74 fd ; je 3\n c3 ; ret"), (0, false));
        assert_eq!(entry_of("f3 0f 1e fa ; endbr64\n 31 f6 ; xor esi,esi\n c3 ; ret"), (4, false));
    }
}
