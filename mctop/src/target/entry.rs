//! Where at the head of a function to probe: the cheapest instruction at which its arguments are still in place.

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess};

use super::code::{Body, RSP, encoding, is_emulated};
use super::elf::Image;

/// How many instructions of the head are looked at.
const HEAD_MAX: usize = 16;
/// Bytes of the longest instruction.
const INSTRUCTION_BYTES: usize = 15;

/// A place to probe in the head of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Virtual address.
    pub address: u64,
    /// Whether the kernel emulates the instruction there.
    pub emulated: bool,
}

/// The first emulated instruction that every call executes once with the registers `live`, by the processor's encoding
/// order, unchanged; else the first instruction behind `endbr64`.
#[must_use]
pub fn entry(image: &Image, body: &Body, live: &[u8]) -> Option<Entry> {
    let mut factory = InstructionInfoFactory::new();
    let mut first = None;
    let mut address = body.entry();
    for _ in 0..HEAD_MAX {
        let Some(instruction) = body.at(address) else { break };
        if instruction.mnemonic() == Mnemonic::Endbr64 {
            address = instruction.next_ip();
            continue;
        }
        // A jump back into the head would make the probe fire more than once per call.
        let once = !body.is_jump_target(address);
        if once || first.is_none() {
            let emulated = image.bytes(address, INSTRUCTION_BYTES).is_some_and(is_emulated);
            if once && emulated {
                return Some(Entry { address, emulated });
            }
            first.get_or_insert(Entry { address, emulated });
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
