//! Symbolic values: the contents of a register or stack slot, relative to registers and memory at the origin.

use mctop_common::records::Operand;

use crate::target::code::RSP;

/// Where a pointer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// The register's value at the origin.
    Register(u8),
    /// The 8 bytes at `[register + displacement]` at the origin.
    Memory(u8, i64),
}

/// The contents of a register or stack slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Not known.
    Unknown,
    /// A number.
    Constant(i64),
    /// A register's value at the origin, plus an offset.
    Sum(u8, i64),
    /// The low 32 bits of a register at the origin.
    Low(u8),
    /// Loaded memory: pointer, displacement, size in bytes, and mask of the bits that were kept.
    Load(Pointer, i64, usize, u64),
}

impl Value {
    /// All of the memory at a pointer.
    pub(crate) const fn load(pointer: Pointer, displacement: i64, size: usize) -> Self {
        Self::Load(pointer, displacement, size, all_bits(size))
    }

    /// This value as a pointer and an offset from it, for dereferencing.
    pub(crate) const fn as_pointer(self) -> Option<(Pointer, i64)> {
        match self {
            Self::Sum(register, offset) => Some((Pointer::Register(register), offset)),
            Self::Load(Pointer::Register(register), displacement, 8, u64::MAX) => {
                Some((Pointer::Memory(register, displacement), 0))
            }
            _ => None,
        }
    }

    /// The low `size` bytes of the value.
    pub(crate) const fn truncated(self, size: usize) -> Self {
        match (self, size) {
            (value, 8..) => value,
            (Self::Sum(register, 0) | Self::Low(register), 4) => Self::Low(register),
            (Self::Constant(number), 4) => Self::Constant(number as u32 as i64),
            (Self::Load(pointer, displacement, loaded, bits), _) if loaded <= size || bits <= all_bits(size) => {
                Self::Load(pointer, displacement, loaded, bits)
            }
            // The low part of a larger field, at the same address.
            (Self::Load(pointer, displacement, _, u64::MAX), 4) => Self::load(pointer, displacement, 4),
            _ => Self::Unknown,
        }
    }

    /// The value with only some bits kept.
    pub(crate) const fn masked(self, mask: u64) -> Self {
        match self {
            Self::Load(pointer, displacement, size, bits) => Self::Load(pointer, displacement, size, bits & mask),
            Self::Constant(number) => Self::Constant(number & mask.cast_signed()),
            _ => Self::Unknown,
        }
    }

    /// Where an eBPF program attached to the origin finds a value of `size` bytes; `None` if it cannot.
    pub(crate) fn operand(self, size: usize) -> Option<Operand> {
        match self {
            Self::Sum(register, 0) if register != RSP => Some(Operand::register(register)),
            Self::Low(register) if size <= 4 && register != RSP => Some(Operand::register(register)),
            Self::Constant(number) => Some(Operand::constant(i32::try_from(number).ok()?)),
            Self::Load(Pointer::Register(register), displacement, loaded, bits)
                if loaded == size && bits == all_bits(size) =>
            {
                Some(Operand::memory(register, i32::try_from(displacement).ok()?))
            }
            _ => None,
        }
    }
}

/// The mask of all bits of a field.
const fn all_bits(size: usize) -> u64 {
    if size >= 8 { u64::MAX } else { (1 << (8 * size)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands() {
        assert_eq!(Value::Sum(3, 0).operand(8), Some(Operand::register(3)));
        assert_eq!(Value::Sum(3, 8).operand(8), None);
        assert_eq!(Value::Low(14).operand(4), Some(Operand::register(14)));
        assert_eq!(Value::Low(14).operand(8), None);
        assert_eq!(Value::Constant(2).operand(4), Some(Operand::constant(2)));
        assert_eq!(Value::load(Pointer::Register(4), 12, 4).operand(4), Some(Operand::memory(4, 12)));
        assert_eq!(Value::load(Pointer::Register(4), 12, 8).operand(4), None);
        assert_eq!(Value::load(Pointer::Memory(4, 12), 8, 4).operand(4), None);
    }

    #[test]
    fn truncation_keeps_what_is_known() {
        let byte = Value::load(Pointer::Register(3), 0x28, 1);
        assert_eq!(byte.truncated(1), byte);
        assert_eq!(Value::Sum(3, 0).truncated(4), Value::Low(3));
        assert_eq!(Value::Sum(3, 0).truncated(1), Value::Unknown);
        assert_eq!(Value::Sum(3, 1).truncated(4), Value::Unknown);
        let pointer = Value::load(Pointer::Register(3), 0x20, 8);
        assert_eq!(pointer.truncated(4), Value::load(Pointer::Register(3), 0x20, 4));
    }
}
