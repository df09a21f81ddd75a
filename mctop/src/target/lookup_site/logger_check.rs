//! Finds the branch on whether there is a logger, which comes before the branch on the logging of lookups. It is probed instead if the
//! client's file descriptor is behind a pointer on the stack, which a probe does not follow:
//!
//! ```text
//! mov rax, [rbp-0x38] ; mov rdi, logger(rax) ; test rdi, rdi ; je     # <- is there a logger?
//! test FLAG, flags(rdi) ; jcc                                         # <- does it log lookups?
//! ```
//!
//! Between the branches only the logger changes, and at the first branch that pointer, the thread, is in a register.

use iced_x86::{FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind};
use mctop_common::records::{Operand, OperandKind};

use super::LookupSite;
use super::connection::ARGUMENT;
use super::logged::Spilled;
use crate::target::code::{Body, Program, RSP, encoding};
use crate::target::elf::Imports;
use crate::target::symbolic::{Paths, SymbolicState, Value};

/// At most this many instructions are followed between the branches; compilers generate two, or five if there is no logger.
const PATH_MAX: usize = 12;
/// rax rcx rdx rsi rdi r8 to r11, which a callee may overwrite.
const CHANGED_BY_CALLS: [u8; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];

/// Sites to probe instead of a given one, at which the descriptor can be read: the site itself, or the branches before it. `None` if
/// there are no such sites. `logger` is the register of the site's logger.
pub(super) fn sites(program: &Program<'_>, body: &Body, site: &LookupSite, logger: u8) -> Option<Vec<LookupSite>> {
    let Some(spilled) = site.logged.spilled else { return Some(vec![site.clone()]) };
    let logged = &site.logged;
    let live = [logged.key, logged.key_len, logged.found, logged.item, site.return_address];
    let branches = branches(program.imports(), body, site.address, logger, spilled, &live)?;
    let checks = branches.into_iter().map(|(address, descriptor)| {
        let mut check = LookupSite { address, return_address: program.unwind().return_slot(address).ok()?, ..site.clone() };
        check.logged.descriptor = descriptor;
        check.proof.push(
            "The branch before it, which compares the logger with NULL, is probed instead: both of its sides lead straight to \
             this branch, no operand changes in between, and the fourth argument, which has the file descriptor, is in a register \
             there."
                .into(),
        );
        Some(check)
    });
    checks.collect()
}

/// The branches before the one at `site`, and where the descriptor is at each.
fn branches(
    imports: &Imports,
    body: &Body,
    site: u64,
    logger: u8,
    spilled: Spilled,
    live: &[Operand],
) -> Option<Vec<(u64, Operand)>> {
    let paths = Paths::of(body, imports, SymbolicState::following_loads()).ok()?;
    let owner = Value::Sum(ARGUMENT, 0);
    // The pointer on the stack must be the fourth argument.
    if paths.at(site)?.stack_slot(spilled.register, spilled.slot) != owner {
        return None;
    }
    let displacement = i32::try_from(spilled.displacement).ok()?;
    let found = logger_checks(body, site, logger, live).map(|address| {
        let place = paths.at(address)?.operand_for(owner)?;
        let in_register = place.kind == OperandKind::Register as u8;
        in_register.then(|| (address, Operand::memory(place.register, displacement)))
    });
    found.collect()
}

/// Branches on whether there is a logger, both of whose sides lead straight to the site without changing live operands.
fn logger_checks(body: &Body, site: u64, logger: u8, live: &[Operand]) -> impl Iterator<Item = u64> {
    let tests = body.instructions().windows(2).filter_map(move |pair| {
        let [test, jump] = pair else { return None };
        let is_test = test.mnemonic() == Mnemonic::Test
            && test.op0_kind() == OpKind::Register
            && test.op1_kind() == OpKind::Register
            && test.op0_register() == test.op1_register()
            && encoding(test.op0_register()) == Some(logger);
        let is_jump = matches!(jump.mnemonic(), Mnemonic::Je | Mnemonic::Jne) && test.next_ip() == jump.ip();
        (is_test && is_jump && !body.is_jump_target(jump.ip())).then_some(jump)
    });
    let leads = move |jump: &&Instruction| {
        let sides = [jump.next_ip(), jump.near_branch_target()];
        sides.into_iter().all(|side| leads_straight(body, side, site, live))
    };
    tests.filter(leads).map(Instruction::ip)
}

/// Whether the code at `from` leads to `to` without branching, and changes no live operand.
fn leads_straight(body: &Body, from: u64, to: u64, live: &[Operand]) -> bool {
    let mut factory = InstructionInfoFactory::new();
    let mut address = from;
    for _ in 0..PATH_MAX {
        if address == to {
            return true;
        }
        let Some(instruction) = body.at(address) else { return false };
        match instruction.flow_control() {
            FlowControl::Next if keeps(instruction, live, &mut factory) => address = instruction.next_ip(),
            FlowControl::UnconditionalBranch => address = instruction.near_branch_target(),
            FlowControl::Call if !CHANGED_BY_CALLS.into_iter().any(|number| uses(live, number)) => {
                address = instruction.next_ip();
            }
            _ => return false,
        }
    }
    false
}

/// Whether an instruction leaves memory, live registers and the stack pointer unchanged.
fn keeps(instruction: &Instruction, live: &[Operand], factory: &mut InstructionInfoFactory) -> bool {
    let writes = |access: OpAccess| {
        matches!(access, OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite)
    };
    let info = factory.info(instruction);
    let register = info.used_registers().iter().filter(|used| writes(used.access())).any(|used| {
        encoding(used.register().full_register()).is_some_and(|number| number == RSP || uses(live, number))
    });
    !register && !info.used_memory().iter().any(|used| writes(used.access()))
}

fn uses(live: &[Operand], number: u8) -> bool {
    let by_register = [OperandKind::Register as u8, OperandKind::Memory as u8];
    live.iter().any(|operand| by_register.contains(&operand.kind) && operand.register == number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::fixture::{CODE, body, with};

    const RAX: u8 = 0;
    const RBP: u8 = 5;
    const RDI: u8 = 7;
    /// The branch on the flags.
    const SITE: u64 = 0x26;

    /// gcc -O2 -fno-omit-frame-pointer: the thread is on the stack.
    const SPILLED: &str = "
        55                      ; push rbp
        48 89 e5                ; mov rbp,rsp
        53                      ; push rbx
        48 83 ec 18             ; sub rsp,0x18
        48 89 4d e8             ; mov qword [rbp-0x18],rcx
        e8 00 00 00 00          ; call 12
        48 8b 45 e8             ; mov rax,qword [rbp-0x18]
        48 8b b8 38 1b 00 00    ; mov rdi,qword [rax+0x1b38]
        48 85 ff                ; test rdi,rdi
        74 08                   ; je 2a
        f6 47 54 04             ; test byte [rdi+0x54],0x4
        74 00                   ; je 28
        c9                      ; leave
        c3                      ; ret
        8b 3d 00 00 00 00       ; mov edi,dword [rip]
        e8 00 00 00 00          ; call 35
        48 89 c7                ; mov rdi,rax
        eb e8                   ; jmp 22";

    fn found(listing: &str, slot: i64, key: Operand) -> Option<Vec<(u64, Operand)>> {
        let spilled = Spilled { register: RBP, slot, displacement: 0x158 };
        let live = [key, Operand::register(12), Operand::register(15), Operand::register(3), Operand::memory(RBP, 8)];
        let found = branches(&Imports::default(), &body(listing), CODE + SITE, RDI, spilled, &live)?;
        Some(found.into_iter().map(|(address, descriptor)| (address - CODE, descriptor)).collect())
    }

    #[test]
    fn the_thread_is_in_a_register_where_its_logger_is_tested() {
        let at_test = vec![(0x20, Operand::memory(RAX, 0x158))];
        assert_eq!(found(SPILLED, -0x18, Operand::register(13)), Some(at_test));
    }

    #[test]
    fn refused() {
        let key = Operand::register(13);
        // Another slot; a pointer that is not in a register at the branch.
        assert_eq!(found(SPILLED, -0x10, key), None);
        let elsewhere = SPILLED.replace("48 8b 45 e8             ; mov rax", "48 8b 45 f0             ; mov rax");
        assert_eq!(found(&elsewhere, -0x18, key), None);
        // A call or an instruction in between changes a live operand; another branch follows; another register is tested.
        let none = Some(Vec::new());
        assert_eq!(
            (found(SPILLED, -0x18, Operand::register(7)), found(SPILLED, -0x18, Operand::register(9))),
            (none.clone(), none.clone())
        );
        for (instruction, replacement) in [
            ("48 89 c7                ; mov rdi,rax", "49 89 c7 ; mov r15,rax"),
            ("48 89 c7                ; mov rdi,rax", "74 fe 90 ; je 35"),
            ("48 89 c7                ; mov rdi,rax", "48 89 03 ; mov qword [rbx],rax"),
            ("48 85 ff                ; test rdi,rdi", "48 85 f6 ; test rsi,rsi"),
        ] {
            assert_eq!(found(&with(SPILLED, instruction, replacement), -0x18, key), none, "{replacement}");
        }
    }
}
