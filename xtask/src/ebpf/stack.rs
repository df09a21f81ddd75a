//! How much of its stack a program uses, from its instructions.

/// Bytes of one instruction slot.
const SLOT: usize = 8;
/// The frame pointer, which programs cannot write.
const FRAME: usize = 10;
/// `BPF_ALU64 | BPF_MOV | BPF_X` and `BPF_ALU64 | BPF_ADD | BPF_K` (kernel documentation, "BPF Instruction Set Architecture").
const MOVE: u8 = 0xbf;
/// See [`MOVE`].
const ADD: u8 = 0x07;
/// Instruction classes in the low three bits: loads from memory, and stores of constants and of registers.
const LOAD: u8 = 1;
/// See [`LOAD`].
const STORE_CONSTANT: u8 = 2;
/// See [`LOAD`].
const STORE: u8 = 3;
/// Jumps do not change registers, except calls.
const JUMPS: [u8; 2] = [5, 6];
/// `BPF_JMP | BPF_CALL`, which overwrites r0 to r5.
const CALL: u8 = 0x85;

/// The deepest byte below the frame pointer that a load, a store or an address computation uses: the compiler's layout. The kernel rounds it up to multiples of 32 and adds the frames of the functions called; 512 is its limit.
#[must_use]
pub fn deepest(code: &[u8]) -> u64 {
    let mut deepest = 0;
    // Frame offsets that registers point to, in instruction order, which is the order of the compiler's blocks.
    let mut frame: [Option<i64>; 11] = [None; 11];
    frame[FRAME] = Some(0);
    for slot in code.chunks_exact(SLOT) {
        let [opcode, registers, offset @ .., _, _, _, _] = slot else { continue };
        let (to, from) = (usize::from(registers & 0xf).min(FRAME), usize::from(registers >> 4).min(FRAME));
        let offset = i64::from(i16::from_le_bytes([offset[0], offset[1]]));
        let immediate = i64::from(i32::from_le_bytes([slot[4], slot[5], slot[6], slot[7]]));
        let place = match (*opcode, opcode & 7) {
            (MOVE, _) => {
                frame[to] = frame[from];
                frame[to]
            }
            (ADD, _) => {
                frame[to] = frame[to].map(|at| at + immediate);
                frame[to]
            }
            (CALL, _) => {
                frame[..6].fill(None);
                None
            }
            (_, LOAD) => {
                let place = frame[from].map(|at| at + offset);
                frame[to] = None;
                place
            }
            (_, STORE | STORE_CONSTANT) => frame[to].map(|at| at + offset),
            (_, class) if JUMPS.contains(&class) => None,
            _ => {
                frame[to] = None;
                None
            }
        };
        frame[FRAME] = Some(0);
        deepest = deepest.max(place.map_or(0, |at| at.min(0).unsigned_abs()));
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(opcode: u8, to: u8, from: u8, offset: i16, immediate: i32) -> [u8; SLOT] {
        let (o, i) = (offset.to_le_bytes(), immediate.to_le_bytes());
        [opcode, from << 4 | to, o[0], o[1], i[0], i[1], i[2], i[3]]
    }

    #[test]
    fn loads_stores_and_addresses() {
        // *(u64 *)(r10 - 16) = r1
        let store = slot(0x7b, 10, 1, -16, 0);
        // r1 = *(u64 *)(r10 - 24)
        let load = slot(0x79, 1, 10, -24, 0);
        // r2 = r10; r2 += -264
        let address = [slot(MOVE, 2, 10, 0, 0), slot(ADD, 2, 0, 0, -264)].concat();
        assert_eq!(deepest(&store), 16);
        assert_eq!(deepest(&[store, load].concat()), 24);
        assert_eq!(deepest(&address), 264);
        // Not in the frame: r2 is overwritten by the call and by a load.
        let call = slot(CALL, 0, 0, 0, 6);
        let through = slot(0x7b, 1, 0, -300, 0);
        assert_eq!(deepest(&[&slot(MOVE, 1, 10, 0, 0)[..], &call, &through].concat()), 0);
        assert_eq!(deepest(&[&slot(MOVE, 1, 10, 0, 0)[..], &load, &through].concat()), 24);
        assert_eq!(deepest(&[]), 0);
    }
}
