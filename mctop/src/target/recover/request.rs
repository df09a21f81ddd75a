//! Finds where requests are read: the search for a line end in a connection's unread input,
//!
//! ```text
//! memchr(c->rcurr, '\n', c->rbytes)
//! ```
//!
//! Every release looks at a new text request there first, and every compiler keeps this call, in whatever function it is inlined.

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Register};
use mctop_common::records::INPUT_LENGTH_OFFSET;

use crate::target::code::{Body, Program, passes_line_end};
use crate::target::elf::Imports;
use crate::target::symbolic::{SymbolicState, Value};

/// At most this many instructions before the call are executed; compilers load the input's address and length in the last ten.
const PATH_MAX: usize = 48;
/// The line end is passed at most this many instructions before the call.
const LINE_END_DISTANCE_MAX: usize = 12;
/// At most this many paths to a call are followed.
const PATHS_MAX: usize = 16;
/// The byte that is searched for.
const LINE_END: i64 = b'\n' as i64;
/// Range of displacements in `conn` of the input's address, from the layouts of all versions.
const DISPLACEMENTS: std::ops::Range<i64> = 0x40..0x400;

/// Where a connection keeps its unread input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadBuffer {
    /// Displacement in `conn` of the pointer to the input (`rcurr`).
    pub pointer: i32,
    /// Displacement in `conn` of the input's length (`rbytes`).
    pub length: i32,
}

/// A call that searches a connection's unread input for a line end. Its first argument is the address of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineSearch {
    /// Virtual address of the call.
    pub address: u64,
    /// Where the connection keeps the address and the length that are passed.
    pub buffer: ReadBuffer,
}

/// The line searches of a function, ordered by address.
pub(crate) fn line_searches(program: &Program<'_>, function: u64) -> Vec<LineSearch> {
    if !program.mentions_line_end(function) {
        return Vec::new();
    }
    program.body(function).map(|body| searches(program.imports(), &body)).unwrap_or_default()
}

/// Where connections keep their unread input. All functions that search it must agree.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn read_buffer(program: &Program<'_>) -> Result<ReadBuffer, String> {
    let mut buffers = program.functions_with_line_end().flat_map(|function| line_searches(program, function));
    let first = buffers.next().ok_or("no function searches a connection's input for a line end")?;
    if buffers.any(|other| other.buffer != first.buffer) {
        return Err(
            "the functions that search a connection's input for a line end load it from different places".into()
        );
    }
    Ok(first.buffer)
}

fn searches(imports: &Imports, body: &Body) -> Vec<LineSearch> {
    let paths = PathsTo { imports, body };
    let instructions = body.instructions();
    let is_near = |position: usize| {
        let before = instructions.get(position.saturating_sub(LINE_END_DISTANCE_MAX)..position).unwrap_or_default();
        before.iter().any(passes_line_end)
    };
    let calls = instructions.iter().enumerate();
    let calls =
        calls.filter(|&(position, instruction)| is_call(instruction) && is_near(position)).map(|(_, call)| call);
    let found = calls.filter_map(|call| Some(LineSearch { address: call.ip(), buffer: paths.searched(call)? }));
    let mut found: Vec<_> = found.collect();
    found.sort_unstable_by_key(|search| search.address);
    found
}

fn is_call(instruction: &Instruction) -> bool {
    matches!(instruction.flow_control(), FlowControl::Call | FlowControl::IndirectCall)
}

/// Follows the paths of a function backwards from a call.
struct PathsTo<'a> {
    imports: &'a Imports,
    body: &'a Body,
}

impl<'a> PathsTo<'a> {
    /// What a call searches, according to one of the paths to it.
    fn searched(&self, call: &'a Instruction) -> Option<ReadBuffer> {
        let mut pending = vec![vec![call]];
        for _ in 0..PATHS_MAX {
            let mut path = pending.pop()?;
            while let Some(first) = path.last().filter(|_| path.len() <= PATH_MAX) {
                let mut before = self.before(first).into_iter();
                let Some(next) = before.next() else { break };
                pending.extend(before.map(|other| path.iter().copied().chain([other]).collect()));
                path.push(next);
            }
            let searched = searched(&state_after(path.iter().skip(1).rev().copied()));
            if searched.is_some() {
                return searched;
            }
        }
        None
    }

    /// The instruction that falls through to another; if there is none, those that jump to it.
    fn before(&self, instruction: &Instruction) -> Vec<&'a Instruction> {
        let instructions = self.body.instructions();
        let position = self.body.position(instruction.ip()).and_then(|position| position.checked_sub(1));
        let straight = position.and_then(|position| instructions.get(position)).filter(|before| {
            let leads_on = match before.flow_control() {
                FlowControl::Next | FlowControl::ConditionalBranch => true,
                FlowControl::Call | FlowControl::IndirectCall => self.imports.returns(before),
                _ => false,
            };
            leads_on && before.next_ip() == instruction.ip()
        });
        let jumps = |before: &&Instruction| {
            matches!(before.flow_control(), FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch)
                && before.near_branch_target() == instruction.ip()
        };
        straight.map_or_else(|| instructions.iter().filter(jumps).collect(), |straight| vec![straight])
    }
}

/// The state after some instructions, relative to the state before them.
fn state_after<'a>(instructions: impl Iterator<Item = &'a Instruction>) -> SymbolicState {
    let mut factory = InstructionInfoFactory::new();
    // Only the origin of loaded values matters, so writes in between do not.
    let mut state = SymbolicState::following_loads();
    for instruction in instructions {
        match instruction.flow_control() {
            FlowControl::Next => state.step(instruction, &mut factory),
            FlowControl::Call | FlowControl::IndirectCall => state.call(Value::Unknown),
            _ => {}
        }
    }
    state
}

/// What a call of `memchr` searches, if that is a connection's input: a pointer field that is [`INPUT_LENGTH_OFFSET`] bytes before
/// its length field.
fn searched(state: &SymbolicState) -> Option<ReadBuffer> {
    let Value::Load(owner, pointer, 8, u64::MAX) = state.register(Register::RDI) else { return None };
    let Value::Load(same, length, 4, _) = state.register(Register::RDX) else { return None };
    let distance = length.checked_sub(pointer)?;
    let is_input = owner == same
        && DISPLACEMENTS.contains(&pointer)
        && distance == INPUT_LENGTH_OFFSET.cast_signed()
        && state.register(Register::ESI) == Value::Constant(LINE_END);
    is_input.then_some(ReadBuffer { pointer: i32::try_from(pointer).ok()?, length: i32::try_from(length).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::fixture::{CODE, body, with};

    const BUFFER: ReadBuffer = ReadBuffer { pointer: 0xb0, length: 0xbc };

    /// gcc -O2, in a state machine: the length is loaded before the protocol is stored.
    const OPTIMISED: &str = "
        41 8b af bc 00 00 00    ; mov ebp,dword [r15+0xbc]
        41 c7 87 6c 01 00 00 03 00 00 00 ; mov dword [r15+0x16c],3
        85 ed                   ; test ebp,ebp
        74 19                   ; je 2f
        4d 8b a7 b0 00 00 00    ; mov r12,qword [r15+0xb0]
        48 63 d5                ; movsxd rdx,ebp
        be 0a 00 00 00          ; mov esi,0xa
        4c 89 e7                ; mov rdi,r12
        e8 00 00 00 00          ; call 2e
        90                      ; nop
        c3                      ; ret";

    /// gcc -O0.
    const PLAIN: &str = "
        48 8b 45 e8             ; mov rax,qword [rbp-0x18]
        8b 80 bc 00 00 00       ; mov eax,dword [rax+0xbc]
        48 98                   ; cdqe
        48 89 c2                ; mov rdx,rax
        48 8b 45 e8             ; mov rax,qword [rbp-0x18]
        48 8b 80 b0 00 00 00    ; mov rax,qword [rax+0xb0]
        be 0a 00 00 00          ; mov esi,0xa
        48 89 c7                ; mov rdi,rax
        e8 00 00 00 00          ; call 27
        c3                      ; ret";

    /// clang -Oz.
    const SMALL: &str = "
        49 63 94 24 bc 00 00 00 ; movsxd rdx,dword [r12+0xbc]
        49 8b bc 24 b0 00 00 00 ; mov rdi,qword [r12+0xb0]
        6a 0a                   ; push 0xa
        5e                      ; pop rsi
        e8 00 00 00 00          ; call 18
        c3                      ; ret";

    fn found(listing: &str) -> Vec<(u64, ReadBuffer)> {
        let found = searches(&Imports::default(), &body(listing));
        found.into_iter().map(|search| (search.address - CODE, search.buffer)).collect()
    }

    #[test]
    fn searches_of_all_compilers() {
        assert_eq!(found(OPTIMISED), [(0x28, BUFFER)]);
        assert_eq!(found(PLAIN), [(0x22, BUFFER)]);
        assert_eq!(found(SMALL), [(0x13, BUFFER)]);
    }

    #[test]
    fn other_calls_are_rejected() {
        for (listing, instruction, replacement) in [
            // Another byte (twice), another address, another length, another structure, an address that is not loaded, a short
            // length.
            (SMALL, "6a 0a", "6a 20"),
            (OPTIMISED, "be 0a 00 00 00", "be 20 00 00 00"),
            (SMALL, "49 8b bc 24 b0 00 00 00", "49 8b bc 24 a8 00 00 00"),
            (OPTIMISED, "41 8b af bc 00 00 00", "41 8b af b8 00 00 00"),
            (OPTIMISED, "41 8b af bc 00 00 00", "41 8b ae bc 00 00 00"),
            (OPTIMISED, "4d 8b a7 b0 00 00 00", "4d 8d a7 b0 00 00 00"),
            (PLAIN, "8b 80 bc 00 00 00 ", "0f b6 80 bc 00 00 00 "),
        ] {
            assert_eq!(found(&with(listing, instruction, replacement)), [], "{replacement}");
        }
        // The code that loads the length does not lead to the call.
        let apart = with(OPTIMISED, "41 c7 87 6c 01 00 00 03 00 00 00", "c3 90 90 90 90 90 90 90 90 90 90");
        assert_eq!(found(&apart), []);
    }

    /// clang: the length is loaded before one of two jumps to the call.
    #[test]
    fn the_length_is_loaded_before_a_jump() {
        let listing = "
            83 f8 04                ; cmp eax,4
            74 1d                   ; je 22
            c3                      ; ret
            48 8b be b0 00 00 00    ; mov rdi,qword [rsi+0xb0]
            48 89 ea                ; mov rdx,rbp
            be 0a 00 00 00          ; mov esi,0xa
            e8 00 00 00 00          ; call 1a
            c3                      ; ret
            31 ed                   ; xor ebp,ebp
            eb e7                   ; jmp 6
            90                      ; nop
            90                      ; nop
            48 63 ae bc 00 00 00    ; movsxd rbp,dword [rsi+0xbc]
            eb dc                   ; jmp 6";
        assert_eq!(found(listing), [(0x15, BUFFER)]);
        assert_eq!(found(&with(listing, "eb dc ", "eb dd ")), []);
    }
}
