//! Computes the symbolic state at each instruction that holds on every path to it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory};

use super::{SymbolicState, Value};
use crate::target::code::Body;
use crate::target::elf::Imports;

/// Limit for executed instructions, as a multiple of the function's: at each join, a state can lose information only a few times.
const STEPS_FACTOR: usize = 256;

/// The states at a function's instructions, relative to its entry.
#[derive(Debug)]
pub(crate) struct Paths<'a> {
    body: &'a Body,
    imports: &'a Imports,
    /// The states at the entry and where paths join.
    joins: HashMap<u64, SymbolicState>,
}

impl<'a> Paths<'a> {
    /// Follows every path from the entry, where the state is `entry`.
    ///
    /// # Errors
    /// Why the paths cannot be followed, as a clause.
    pub(crate) fn of(body: &'a Body, imports: &'a Imports, entry: SymbolicState) -> Result<Self, String> {
        let mut paths = Self { body, imports, joins: HashMap::new() };
        let mut pending = vec![(body.entry(), entry)];
        let mut steps = body.instructions().len().saturating_mul(STEPS_FACTOR);
        while let Some((address, state)) = pending.pop() {
            let state = match paths.joins.entry(address) {
                Entry::Occupied(mut known) => {
                    if !known.get_mut().join(&state) {
                        continue;
                    }
                    known.get().clone()
                }
                Entry::Vacant(unknown) => unknown.insert(state).clone(),
            };
            paths.follow(address, state, |_, _| steps = steps.saturating_sub(1), &mut pending)?;
            if steps == 0 {
                return Err("it has too many paths to be followed".into());
            }
        }
        Ok(paths)
    }

    /// Visits each instruction that is reached, with the state before it.
    pub(crate) fn visit(&self, mut visitor: impl FnMut(&Instruction, &SymbolicState)) {
        for (address, state) in &self.joins {
            // This cannot fail, because the same paths were followed before.
            let _ = self.follow(*address, state.clone(), &mut visitor, &mut Vec::new());
        }
    }

    /// The state before the instruction at an address; `None` if no path leads to it.
    pub(crate) fn at(&self, address: u64) -> Option<SymbolicState> {
        let mut found = None;
        self.visit(|instruction, state| {
            if instruction.ip() == address {
                found = Some(state.clone());
            }
        });
        found
    }

    /// Executes the code from an address to the next join, and adds other continuations to `pending`.
    fn follow(
        &self,
        mut address: u64,
        mut state: SymbolicState,
        mut visitor: impl FnMut(&Instruction, &SymbolicState),
        pending: &mut Vec<(u64, SymbolicState)>,
    ) -> Result<(), String> {
        let mut factory = InstructionInfoFactory::new();
        // After a call that does not return, another function may begin.
        while let Some(instruction) = self.body.at(address) {
            visitor(instruction, &state);
            match instruction.flow_control() {
                FlowControl::Next => state.step(instruction, &mut factory),
                FlowControl::Call | FlowControl::IndirectCall => {
                    if !self.imports.returns(instruction) {
                        return Ok(());
                    }
                    state.call(Value::Unknown);
                }
                FlowControl::ConditionalBranch => pending.push((instruction.near_branch_target(), state.clone())),
                FlowControl::UnconditionalBranch => {
                    pending.push((instruction.near_branch_target(), state));
                    return Ok(());
                }
                FlowControl::IndirectBranch => return Err("it has a computed jump, whose targets are unknown".into()),
                _ => return Ok(()),
            }
            address = instruction.next_ip();
            if self.body.is_jump_target(address) {
                pending.push((address, state));
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use iced_x86::Register;

    use super::super::Pointer;
    use super::*;
    use crate::target::fixture::{CODE, body};

    const RCX: u8 = 1;

    fn at(listing: &str, offset: u64) -> SymbolicState {
        let (body, imports) = (body(listing), Imports::default());
        Paths::of(&body, &imports, SymbolicState::following_loads()).unwrap().at(CODE + offset).unwrap()
    }

    /// The fourth argument is kept in a register on one path and written over on the other.
    const OVERWRITTEN: &str = "
        49 89 cd                ; mov r13,rcx
        48 89 4c 24 f8          ; mov qword [rsp-0x8],rcx
        74 03                   ; je d
        49 89 d5                ; mov r13,rdx
        90                      ; nop
        c3                      ; ret";

    #[test]
    fn only_values_of_every_path_are_known_after_a_join() {
        let state = at(OVERWRITTEN, 0xd);
        assert_eq!(state.register(Register::R13), Value::Unknown);
        assert_eq!(state.register(Register::RCX), Value::Sum(RCX, 0));
        let kept = OVERWRITTEN.replace("49 89 d5 ", "49 89 cd ");
        assert_eq!(at(&kept, 0xd).register(Register::R13), Value::Sum(RCX, 0));
        // Before the paths join, each has its own state.
        assert_eq!(at(OVERWRITTEN, 0xa).register(Register::R13), Value::Sum(RCX, 0));
    }

    #[test]
    fn loops_are_followed_to_the_end() {
        let listing = "
            49 89 cd                ; mov r13,rcx
            49 83 c5 08             ; add r13,0x8
            74 fa                   ; je 3
            c3                      ; ret";
        assert_eq!(at(listing, 9).register(Register::R13), Value::Unknown);
        assert_eq!(at(listing, 9).register(Register::RCX), Value::Sum(RCX, 0));
    }

    #[test]
    fn calls_overwrite_registers_and_loads_keep_their_origin() {
        let listing = "
            49 89 cd                ; mov r13,rcx
            e8 00 00 00 00          ; call 8
            c6 00 00                ; mov byte [rax],0
            49 8b 45 10             ; mov rax,qword [r13+0x10]
            c3                      ; ret";
        let state = at(listing, 0xf);
        assert_eq!(state.register(Register::RCX), Value::Unknown);
        assert_eq!(state.register(Register::RAX), Value::load(Pointer::Register(RCX), 0x10, 8));
    }

    #[test]
    fn a_computed_jump_is_refused() {
        let (body, imports) = (body("74 00 ; je 2\n ff e0 ; jmp rax"), Imports::default());
        let refused = Paths::of(&body, &imports, SymbolicState::at_origin()).unwrap_err();
        assert!(refused.contains("computed jump"), "{refused}");
    }
}
