//! Finds memcached's clock, `current_time`, with which `do_item_get` compares the expiry time of items.

use std::collections::HashSet;

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

use super::code::{Body, encoding};
use super::elf::Image;

/// Displacement of `exptime` in an item.
const ITEM_EXPTIME: u64 = 0x1c;

/// What a register holds, as far as it is relevant here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Unknown,
    /// The expiry time of some item.
    Expiry,
    /// A fixed address.
    Address(u64),
    /// The 4 bytes at a fixed address.
    Variable(u64),
}

/// The virtual address of `current_time`: the only 4-byte variable with which expiry times are compared.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn current_time(image: &Image, body: &Body) -> Result<u64, String> {
    let mut factory = InstructionInfoFactory::new();
    let mut held = [Held::Unknown; 16];
    let mut found = HashSet::new();
    for instruction in body.instructions() {
        // Values are tracked only within a basic block.
        if body.is_jump_target(instruction.ip()) {
            held = [Held::Unknown; 16];
        }
        if instruction.mnemonic() == Mnemonic::Cmp {
            let pair = (operand(instruction, 0, &held), operand(instruction, 1, &held));
            if let (Held::Expiry, Held::Variable(address)) | (Held::Variable(address), Held::Expiry) = pair {
                found.insert(address);
            }
        }
        update(instruction, &mut held, &mut factory);
        if !matches!(instruction.flow_control(), FlowControl::Next | FlowControl::ConditionalBranch) {
            held = [Held::Unknown; 16];
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(address), None) if image.is_writable(address) && address % 4 == 0 => Ok(address),
        (None, _) => Err("do_item_get has no recognisable comparison of an expiry time with a variable".into()),
        _ => Err("do_item_get compares expiry times with more than one variable".into()),
    }
}

fn operand(instruction: &Instruction, operand: u32, held: &[Held; 16]) -> Held {
    match instruction.op_kind(operand) {
        OpKind::Register => encoding(instruction.op_register(operand))
            .and_then(|number| held.get(usize::from(number)))
            .copied()
            .unwrap_or(Held::Unknown),
        OpKind::Memory if instruction.memory_size().size() == 4 => memory(instruction, held),
        _ => Held::Unknown,
    }
}

/// What a 4-byte memory operand reads.
fn memory(instruction: &Instruction, held: &[Held; 16]) -> Held {
    if instruction.is_ip_rel_memory_operand() {
        return Held::Variable(instruction.ip_rel_memory_address());
    }
    if instruction.memory_index() != Register::None {
        return Held::Unknown;
    }
    let displacement = instruction.memory_displacement64();
    if instruction.memory_base() == Register::None {
        return Held::Variable(displacement);
    }
    let Some(&base) = encoding(instruction.memory_base()).and_then(|number| held.get(usize::from(number))) else {
        return Held::Unknown;
    };
    match base {
        Held::Address(address) => Held::Variable(address.wrapping_add(displacement)),
        // The stack is not an item.
        _ if displacement == ITEM_EXPTIME && instruction.memory_base() != Register::RSP => Held::Expiry,
        _ => Held::Unknown,
    }
}

fn update(instruction: &Instruction, held: &mut [Held; 16], factory: &mut InstructionInfoFactory) {
    let value = match instruction.mnemonic() {
        Mnemonic::Mov if instruction.op0_kind() == OpKind::Register && instruction.op0_register().size() >= 4 => {
            match instruction.try_immediate(1) {
                Ok(address) => Held::Address(address),
                Err(_) => operand(instruction, 1, held),
            }
        }
        Mnemonic::Lea if instruction.is_ip_rel_memory_operand() => Held::Address(instruction.ip_rel_memory_address()),
        _ => Held::Unknown,
    };
    for used in factory.info(instruction).used_registers() {
        let written = matches!(
            used.access(),
            OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
        );
        if let Some(slot) = encoding(used.register().full_register())
            .filter(|_| written)
            .and_then(|number| held.get_mut(usize::from(number)))
        {
            *slot = Held::Unknown;
        }
    }
    if value != Held::Unknown
        && let Some(slot) = encoding(instruction.op0_register()).and_then(|number| held.get_mut(usize::from(number)))
    {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::fixture::{DATA, body, bytes, image};

    /// gcc; the variable is at 0x1009 + 0x6ff7 = 0x8000.
    const LOADED: &str = "
        8b 43 1c                ; mov eax,dword [rbx+0x1c]
        8b 15 f7 6f 00 00       ; mov edx,dword [rip+0x6ff7]
        39 c2                   ; cmp edx,eax
        c3                      ; ret";

    fn clock(listing: &str) -> Result<u64, String> {
        current_time(&image(&bytes(listing)), &body(listing))
    }

    #[test]
    fn forms_of_the_comparison() {
        assert_eq!(clock(LOADED), Ok(DATA));
        // clang: through the variable's address.
        let addressed = "
            8b 43 1c                ; mov eax,dword [rbx+0x1c]
            48 8d 0d f6 6f 00 00    ; lea rcx,[rip+0x6ff6]
            39 01                   ; cmp dword [rcx],eax
            c3                      ; ret";
        assert_eq!(clock(addressed), Ok(DATA));
        // Not relocatable, -mcmodel=small: at an absolute address.
        let absolute = "
            8b 43 1c                ; mov eax,dword [rbx+0x1c]
            3b 04 25 00 80 00 00    ; cmp eax,dword [0x8000]
            c3                      ; ret";
        assert_eq!(clock(absolute), Ok(DATA));
    }

    #[test]
    fn refused() {
        // The access time instead of the expiry time.
        assert!(clock(&LOADED.replacen("8b 43 1c", "8b 43 18", 1)).is_err());
        // Not a variable: outside of writable memory, and not aligned.
        assert!(clock(&LOADED.replacen("8b 15 f7 6f", "8b 15 f7 0f", 1)).is_err());
        assert!(clock(&LOADED.replacen("8b 15 f7 6f", "8b 15 f8 6f", 1)).is_err());
        // The register is overwritten by a call in between.
        let called = "
            8b 43 1c                ; mov eax,dword [rbx+0x1c]
            e8 00 00 00 00          ; call 8
            39 05 f2 6f 00 00       ; cmp dword [rip+0x6ff2],eax
            c3                      ; ret";
        assert!(clock(called).is_err());
        // Two variables.
        let two = "
            8b 43 1c                ; mov eax,dword [rbx+0x1c]
            39 05 f7 6f 00 00       ; cmp dword [rip+0x6ff7],eax
            39 05 f5 6f 00 00       ; cmp dword [rip+0x6ff5],eax
            c3                      ; ret";
        assert!(clock(two).is_err());
    }
}
