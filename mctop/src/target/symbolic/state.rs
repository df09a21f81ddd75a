//! The symbolic state, and the symbolic execution of one instruction.

use std::collections::BTreeMap;

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};
use mctop_common::records::Operand;

use super::value::{Pointer, Value};
use crate::target::code::{RSP, encoding};

/// Registers and stack slots, relative to the state at the origin.
#[derive(Clone, Debug)]
pub(crate) struct SymbolicState {
    registers: [Value; 16],
    /// What was written to the stack since the origin: offset from `rsp` at the origin → bytes, value.
    stack: BTreeMap<i64, (usize, Value)>,
    /// Whether memory at an unknown address was written, so that loads no longer have a known value.
    clobbered: bool,
    /// Whether a load only describes where its value came from, not the memory at the origin. Then it stays meaningful after writes.
    follows_loads: bool,
    /// The value that was last compared with zero, as long as the flags still hold the result.
    pub compared_with_zero: Option<Value>,
}

impl SymbolicState {
    /// The state at the origin itself.
    pub(crate) fn at_origin() -> Self {
        let mut registers = [Value::Unknown; 16];
        for (number, value) in (0u8..).zip(&mut registers) {
            *value = Value::Sum(number, 0);
        }
        Self { registers, stack: BTreeMap::new(), clobbered: false, follows_loads: false, compared_with_zero: None }
    }

    /// The state at the origin, for finding out where values were loaded from rather than what they are.
    pub(crate) fn following_loads() -> Self {
        Self { follows_loads: true, ..Self::at_origin() }
    }

    /// What a register holds.
    pub(crate) fn register(&self, register: Register) -> Value {
        encoding(register)
            .and_then(|number| self.registers.get(usize::from(number)))
            .map_or(Value::Unknown, |value| value.truncated(register.size()))
    }

    /// The contents of the 8-byte stack slot at an offset from the current `rsp`, if it was written since the origin.
    pub(crate) fn stack_argument(&self, offset: i64) -> Option<Value> {
        let Value::Sum(RSP, base) = self.register(Register::RSP) else { return None };
        self.stack.get(&base.checked_add(offset)?).map(|&(_, value)| value)
    }

    /// Executes one instruction that is neither a jump nor a call.
    pub(crate) fn step(&mut self, instruction: &Instruction, factory: &mut InstructionInfoFactory) {
        self.compare(instruction);
        match instruction.mnemonic() {
            Mnemonic::Mov if instruction.op0_kind() == OpKind::Register => {
                let value = self.operand(instruction, 1);
                self.set(instruction.op0_register(), value);
            }
            Mnemonic::Mov if instruction.op0_kind() == OpKind::Memory => {
                let value = self.operand(instruction, 1);
                self.store(instruction, value);
            }
            Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd if instruction.op0_kind() == OpKind::Register => {
                let value = self.operand(instruction, 1);
                self.set(instruction.op0_register(), value);
            }
            Mnemonic::Lea => {
                let value = match self.address(instruction) {
                    Some((Pointer::Register(register), offset)) => Value::Sum(register, offset),
                    _ => Value::Unknown,
                };
                self.set(instruction.op0_register(), value);
            }
            Mnemonic::Xor | Mnemonic::Sub
                if instruction.op0_kind() == OpKind::Register
                    && instruction.op1_kind() == OpKind::Register
                    && instruction.op0_register() == instruction.op1_register() =>
            {
                self.set(instruction.op0_register(), Value::Constant(0));
            }
            Mnemonic::And if instruction.op0_kind() == OpKind::Register && instruction.try_immediate(1).is_ok() => {
                let mask = instruction.try_immediate(1).unwrap_or(0);
                self.mask(instruction.op0_register(), mask);
            }
            Mnemonic::Add | Mnemonic::Sub
                if instruction.op0_kind() == OpKind::Register && instruction.try_immediate(1).is_ok() =>
            {
                let amount = instruction.try_immediate(1).unwrap_or(0).cast_signed();
                let amount = if instruction.mnemonic() == Mnemonic::Sub { amount.checked_neg() } else { Some(amount) };
                self.add(instruction.op0_register(), amount);
            }
            Mnemonic::Push => {
                let value = self.operand(instruction, 0);
                self.add(Register::RSP, Some(-8));
                match self.register(Register::RSP) {
                    Value::Sum(RSP, offset) => self.store_stack(offset, 8, value),
                    _ => self.clobber(),
                }
            }
            Mnemonic::Pop if instruction.op0_kind() == OpKind::Register && instruction.op0_register().size() == 8 => {
                let value = match self.register(Register::RSP) {
                    Value::Sum(RSP, offset) => self.slot(offset, 8),
                    _ => Value::Unknown,
                };
                self.add(Register::RSP, Some(8));
                self.set(instruction.op0_register(), value);
            }
            Mnemonic::Cdqe => {
                let value = self.register(Register::EAX);
                self.set(Register::RAX, value);
            }
            Mnemonic::Test | Mnemonic::Cmp | Mnemonic::Nop | Mnemonic::Endbr64 => {}
            _ => self.forget(instruction, factory),
        }
    }

    /// Records a comparison with zero, or that the flags no longer hold the result of one.
    fn compare(&mut self, instruction: &Instruction) {
        let same = || {
            instruction.op0_kind() == OpKind::Register
                && instruction.op1_kind() == OpKind::Register
                && instruction.op0_register() == instruction.op1_register()
        };
        match instruction.mnemonic() {
            Mnemonic::Test if same() => self.compared_with_zero = Some(self.operand(instruction, 0)),
            Mnemonic::Cmp if instruction.try_immediate(1).is_ok_and(|value| value == 0) => {
                self.compared_with_zero = Some(self.operand(instruction, 0));
            }
            _ if instruction.rflags_modified() != 0 => self.compared_with_zero = None,
            _ => {}
        }
    }

    /// The value of an operand that is read.
    fn operand(&self, instruction: &Instruction, operand: u32) -> Value {
        match instruction.op_kind(operand) {
            OpKind::Register => self.register(instruction.op_register(operand)),
            OpKind::Memory => self.loaded(instruction),
            _ => {
                instruction.try_immediate(operand).map_or(Value::Unknown, |value| Value::Constant(value.cast_signed()))
            }
        }
    }

    /// The value of the memory operand.
    fn loaded(&self, instruction: &Instruction) -> Value {
        let size = instruction.memory_size().size();
        match self.address(instruction) {
            Some((Pointer::Register(RSP), offset)) => self.slot(offset, size),
            Some((pointer, displacement)) if !self.clobbered => Value::load(pointer, displacement, size),
            _ => Value::Unknown,
        }
    }

    /// The contents of an 8-byte stack slot, at a displacement from a register (in the processor's encoding order).
    pub(crate) fn stack_slot(&self, register: u8, displacement: i64) -> Value {
        match self.registers.get(usize::from(register)) {
            Some(Value::Sum(RSP, base)) => {
                base.checked_add(displacement).map_or(Value::Unknown, |offset| self.slot(offset, 8))
            }
            _ => Value::Unknown,
        }
    }

    /// The contents of the stack at an offset from `rsp` at the origin.
    fn slot(&self, offset: i64, size: usize) -> Value {
        match self.stack.range(..=offset).next_back() {
            Some((&start, &(_, value))) if start == offset => value.truncated(size),
            Some((&start, &(length, _))) if start.saturating_add_unsigned(length as u64) > offset => Value::Unknown,
            // Below the stack pointer at the origin, nothing was stored yet.
            _ if offset < 0 || self.clobbered => Value::Unknown,
            _ => Value::load(Pointer::Register(RSP), offset, size),
        }
    }

    /// Steps over a call: what the callee may change becomes unknown, and `rax` holds `result`.
    pub(crate) fn call(&mut self, result: Value) {
        /// rax rcx rdx rsi rdi r8 to r11, which a callee may overwrite.
        const CHANGED: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];
        for number in CHANGED {
            if let Some(value) = self.registers.get_mut(number) {
                *value = if number == 0 { result } else { Value::Unknown };
            }
        }
        self.compared_with_zero = None;
        // The callee overwrites only its own frame, below `rsp`. It could reach slots above only through pointers to them, which it
        // is assumed not to have.
        if let Value::Sum(RSP, top) = self.register(Register::RSP) {
            self.stack.retain(|&start, _| start >= top);
        } else {
            self.stack.clear();
        }
        self.clobber();
    }

    /// Keeps only what also holds in another state with which the same instruction is reached. Returns whether anything was lost.
    pub(crate) fn join(&mut self, other: &Self) -> bool {
        let mut lost = false;
        for (value, other) in self.registers.iter_mut().zip(&other.registers) {
            if *value != Value::Unknown && value != other {
                *value = Value::Unknown;
                lost = true;
            }
        }
        lost |= self.join_stack(other);
        if self.compared_with_zero.is_some() && self.compared_with_zero != other.compared_with_zero {
            self.compared_with_zero = None;
            lost = true;
        }
        if other.clobbered && !self.clobbered {
            self.clobbered = true;
            lost = true;
        }
        lost
    }

    fn join_stack(&mut self, other: &Self) -> bool {
        let mut lost = false;
        self.stack.retain(|start, slot| {
            let same = other.stack.get(start) == Some(slot);
            lost |= !same && slot.1 != Value::Unknown;
            // A slot that only one of the paths has written is unknown if it had contents at the origin.
            slot.1 = if same { slot.1 } else { Value::Unknown };
            same || *start >= 0
        });
        for (&start, &(size, _)) in other.stack.range(0..) {
            if !self.stack.contains_key(&start) {
                self.store_stack(start, size, Value::Unknown);
                lost = true;
            }
        }
        lost
    }

    /// Where an eBPF program attached to the current instruction finds an 8-byte value.
    pub(crate) fn operand_for(&self, value: Value) -> Option<Operand> {
        let register = (0u8..).zip(&self.registers).find(|&(number, held)| number != RSP && *held == value);
        if let Some((number, _)) = register {
            return Some(Operand::register(number));
        }
        let Value::Sum(RSP, top) = self.register(Register::RSP) else { return None };
        let (&slot, _) = self.stack.iter().find(|&(&start, &held)| start >= top && held == (8, value))?;
        Some(Operand::memory(RSP, i32::try_from(slot.checked_sub(top)?).ok()?))
    }

    /// The address of the memory operand.
    pub(crate) fn address(&self, instruction: &Instruction) -> Option<(Pointer, i64)> {
        let plain = instruction.memory_index() == Register::None && instruction.segment_prefix() == Register::None;
        if !plain || instruction.is_ip_rel_memory_operand() {
            return None;
        }
        let (pointer, offset) = self.register(instruction.memory_base()).as_pointer()?;
        Some((pointer, offset.checked_add(instruction.memory_displacement64().cast_signed())?))
    }

    fn set(&mut self, register: Register, value: Value) {
        let Some(slot) = encoding(register).and_then(|number| self.registers.get_mut(usize::from(number))) else {
            return;
        };
        // Writing 32 bits clears the upper half; smaller writes leave the other bits unchanged.
        *slot = match register.size() {
            8 => value,
            4 => value.truncated(4),
            _ => Value::Unknown,
        };
    }

    fn mask(&mut self, register: Register, mask: u64) {
        let Some(slot) = encoding(register).and_then(|number| self.registers.get_mut(usize::from(number))) else {
            return;
        };
        // Only the register's own width is masked, and the bits above a loaded byte are already zero.
        let above = if register.size() >= 4 { 0 } else { u64::MAX << (8 * register.size()) };
        *slot = slot.masked(mask | above);
    }

    fn add(&mut self, register: Register, amount: Option<i64>) {
        let sum = match (self.register(register), amount) {
            (Value::Sum(base, offset), Some(amount)) if register.size() == 8 => {
                offset.checked_add(amount).map_or(Value::Unknown, |offset| Value::Sum(base, offset))
            }
            _ => Value::Unknown,
        };
        self.set(register, sum);
    }

    fn store(&mut self, instruction: &Instruction, value: Value) {
        match self.address(instruction) {
            Some((Pointer::Register(RSP), offset)) => {
                self.store_stack(offset, instruction.memory_size().size(), value);
            }
            _ => self.clobber(),
        }
    }

    const fn clobber(&mut self) {
        self.clobbered |= !self.follows_loads;
    }

    fn store_stack(&mut self, offset: i64, size: usize, value: Value) {
        let end = offset.saturating_add_unsigned(size as u64);
        self.stack
            .retain(|&start, &mut (length, _)| start >= end || start.saturating_add_unsigned(length as u64) <= offset);
        self.stack.insert(offset, (size, value));
    }

    /// Marks everything that an unsupported instruction writes as unknown.
    fn forget(&mut self, instruction: &Instruction, factory: &mut InstructionInfoFactory) {
        let writes = |access: OpAccess| {
            matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
        };
        let info = factory.info(instruction);
        for used in info.used_registers().iter().filter(|used| writes(used.access())) {
            let number = used.register().full_register();
            if let Some(slot) = encoding(number).and_then(|number| self.registers.get_mut(usize::from(number))) {
                *slot = Value::Unknown;
            }
        }
        if info.used_memory().iter().any(|used| writes(used.access())) {
            if instruction.op_kinds().any(|kind| kind == OpKind::Memory) {
                self.store(instruction, Value::Unknown);
            } else {
                self.clobber();
                self.stack.clear();
            }
        }
    }
}
