//! Finds the early lookup site: the branch in `do_item_get` on the result of the hash lookup,
//!
//! ```text
//! call assoc_find ; … ; test item, item ; je
//! ```
//!
//! Every lookup passes it, before memcached checks for expiry and flush. The key, its length and the item are found by following the
//! arguments from the entry, where the calling convention defines their places.

use iced_x86::{FlowControl, InstructionInfoFactory, Mnemonic, Register};
use mctop_common::records::Operand;

use super::coverage;
use crate::target::code::{Body, Program};
use crate::target::symbolic::{Pointer, SymbolicState, Value};

/// At most this many instructions are followed from the entry to the branch, and from there to the use of the item; compilers
/// generate about 30.
const PATH_MAX: usize = 96;
/// rdx, rsi and rdi, in which hash, key length and key are passed.
const HASH: u8 = 2;
const KEY_LEN: u8 = 6;
const KEY: u8 = 7;
/// Stands for the result of the hash lookup. No register has this number.
const RESULT: u8 = 16;
/// Displacement of `refcount`, two bytes, in an item.
const ITEM_REFCOUNT: i64 = 0x24;

/// A proved early site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EarlySite {
    /// Virtual address of the branch.
    pub address: u64,
    /// Address of the key.
    pub key: Operand,
    /// Length of the key.
    pub key_len: Operand,
    /// The item or NULL.
    pub item: Operand,
    /// Where the function's return address is at the branch.
    pub return_address: Operand,
    /// The independent facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// Finds the site in `do_item_get`.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn early_site(program: &Program<'_>, item_get: u64) -> Result<EarlySite, String> {
    let body = program.body(item_get).ok_or("do_item_get is larger than in any known memcached")?;
    let branch = branch(&body)?;
    coverage::exactly_once(program.imports(), &body, &[branch.address])?;
    let place = |value, name: &str| {
        let place = branch.state.operand_for(value);
        place.ok_or_else(|| format!("the {name} is in no register or stack slot at the branch after the hash lookup"))
    };
    Ok(EarlySite {
        address: branch.address,
        key: place(Value::Sum(KEY, 0), "key")?,
        key_len: place(Value::Sum(KEY_LEN, 0), "key length")?,
        item: place(Value::Sum(RESULT, 0), "item")?,
        return_address: program.unwind().return_slot(branch.address)?,
        proof: vec![
            "The first call of the function, the hash lookup, is passed the function's own arguments key, length and hash.".into(),
            "The branch tests whether that call returned NULL.".into(),
            "If it did not, the code uses a reference count at +0x24 of the result, which an item has.".into(),
            "Every path through the function passes the branch exactly once.".into(),
            "The unwind table says where the return address is.".into(),
        ],
    })
}

/// Whether a function passes its first three arguments unchanged to the function that it calls first, as `do_item_get` does. Then
/// they are where the calling convention puts them.
pub(crate) fn passes_arguments_on(body: &Body) -> bool {
    let mut factory = InstructionInfoFactory::new();
    hash_lookup(body, &mut factory).is_ok()
}

/// The branch and the state at it.
struct LookupBranch {
    address: u64,
    state: SymbolicState,
}

fn branch(body: &Body) -> Result<LookupBranch, String> {
    let mut factory = InstructionInfoFactory::new();
    let (mut address, mut state) = hash_lookup(body, &mut factory)?;
    for _ in 0..PATH_MAX {
        let instruction = body.at(address).ok_or("the code after the hash lookup leaves do_item_get")?;
        match instruction.flow_control() {
            FlowControl::Next => {
                state.step(instruction, &mut factory);
                address = instruction.next_ip();
            }
            FlowControl::UnconditionalBranch => address = instruction.near_branch_target(),
            FlowControl::ConditionalBranch => {
                let found = match instruction.mnemonic() {
                    Mnemonic::Je => instruction.next_ip(),
                    Mnemonic::Jne => instruction.near_branch_target(),
                    _ => return Err("the first branch after the hash lookup does not test its result".into()),
                };
                if state.compared_with_zero != Some(Value::Sum(RESULT, 0)) {
                    return Err("the first branch after the hash lookup does not test its result".into());
                }
                if !uses_item(body, found, state.clone(), &mut factory) {
                    return Err("the result of the hash lookup is not used as an item".into());
                }
                return Ok(LookupBranch { address, state });
            }
            _ => return Err("no branch on the result of the hash lookup follows it".into()),
        }
    }
    Err("no branch on the result of the hash lookup follows it".into())
}

/// Follows the code from the entry to the first call, which must be passed the arguments unchanged. Returns the address after the
/// call and the state there.
fn hash_lookup(body: &Body, factory: &mut InstructionInfoFactory) -> Result<(u64, SymbolicState), String> {
    let mut state = SymbolicState::at_origin();
    let mut address = body.entry();
    for _ in 0..PATH_MAX {
        let instruction = body.at(address).ok_or("the code at the entry of do_item_get cannot be followed")?;
        match instruction.flow_control() {
            FlowControl::Next => {
                state.step(instruction, factory);
                address = instruction.next_ip();
            }
            FlowControl::UnconditionalBranch => address = instruction.near_branch_target(),
            FlowControl::Call => {
                let passed = state.register(Register::RDI) == Value::Sum(KEY, 0)
                    && state.register(Register::RSI) == Value::Sum(KEY_LEN, 0)
                    && state.register(Register::EDX) == Value::Low(HASH);
                if !passed {
                    return Err(
                        "the first call in do_item_get is not passed key, length and hash, so the hash lookup was inlined".into(),
                    );
                }
                state.call(Value::Sum(RESULT, 0));
                return Ok((instruction.next_ip(), state));
            }
            _ => return Err("do_item_get branches before its first call, so the hash lookup was inlined".into()),
        }
    }
    Err("the code at the entry of do_item_get does not lead to a call".into())
}

/// Whether the code from an address on uses the reference count of the result, itself or by passing its address to a call.
fn uses_item(body: &Body, from: u64, mut state: SymbolicState, factory: &mut InstructionInfoFactory) -> bool {
    let count = (Pointer::Register(RESULT), ITEM_REFCOUNT);
    let mut address = from;
    for _ in 0..PATH_MAX {
        let Some(instruction) = body.at(address) else { return false };
        match instruction.flow_control() {
            FlowControl::Next => {
                let sized = instruction.memory_size().size() == 2;
                if sized && instruction.mnemonic() != Mnemonic::Lea && state.address(instruction) == Some(count) {
                    return true;
                }
                state.step(instruction, factory);
                address = instruction.next_ip();
            }
            FlowControl::UnconditionalBranch => address = instruction.near_branch_target(),
            FlowControl::Call => return state.register(Register::RDI).as_pointer() == Some(count),
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::fixture::{CODE, body, with};

    /// gcc -O2.
    const REGISTERS: &str = "
        41 55                   ; push r13
        49 89 fd                ; mov r13,rdi
        41 54                   ; push r12
        49 89 f4                ; mov r12,rsi
        53                      ; push rbx
        e8 00 00 00 00          ; call 10
        48 89 c3                ; mov rbx,rax
        48 85 c0                ; test rax,rax
        74 05                   ; je 1e
        66 ff 40 24             ; inc word [rax+0x24]
        90                      ; nop
        c3                      ; ret";

    /// gcc -O0.
    const SLOTS: &str = "
        55                      ; push rbp
        48 89 e5                ; mov rbp,rsp
        48 83 ec 40             ; sub rsp,0x40
        48 89 7d d8             ; mov [rbp-0x28],rdi
        48 89 75 d0             ; mov [rbp-0x30],rsi
        89 55 cc                ; mov [rbp-0x34],edx
        8b 55 cc                ; mov edx,[rbp-0x34]
        48 8b 4d d0             ; mov rcx,[rbp-0x30]
        48 8b 45 d8             ; mov rax,[rbp-0x28]
        48 89 ce                ; mov rsi,rcx
        48 89 c7                ; mov rdi,rax
        e8 00 00 00 00          ; call 2b
        48 89 45 f8             ; mov [rbp-0x8],rax
        48 83 7d f8 00          ; cmp qword [rbp-0x8],0
        74 0c                   ; je 42
        48 8b 45 f8             ; mov rax,[rbp-0x8]
        48 83 c0 24             ; add rax,0x24
        48 89 c7                ; mov rdi,rax
        e8 00 00 00 00          ; call
        c3                      ; ret";

    fn places(listing: &str) -> Result<(u64, [Option<Operand>; 3]), String> {
        let branch = branch(&body(listing))?;
        let places = [Value::Sum(KEY, 0), Value::Sum(KEY_LEN, 0), Value::Sum(RESULT, 0)];
        Ok((branch.address - CODE, places.map(|value| branch.state.operand_for(value))))
    }

    #[test]
    fn arguments_are_followed() {
        let (register, memory) = (|number| Some(Operand::register(number)), |slot| Some(Operand::memory(4, slot)));
        // The result is in rax as well as in rbx; either will do.
        assert_eq!(places(REGISTERS), Ok((22, [register(13), register(12), register(0)])));
        assert_eq!(places(SLOTS), Ok((50, [memory(0x18), memory(0x10), register(0)])));
    }

    #[test]
    fn refused() {
        for (instruction, replacement) in [
            // The arguments are not passed on.
            ("49 89 fd                ; mov r13,rdi", "48 31 ff ; xor rdi,rdi"),
            ("49 89 f4                ; mov r12,rsi", "48 89 fe ; mov rsi,rdi"),
            ("49 89 f4                ; mov r12,rsi", "83 ca 01 ; or edx,1"),
            // A branch before the call.
            ("41 54                   ; push r12", "74 00 ; je"),
            // A branch on something else.
            ("48 85 c0                ; test rax,rax", "48 85 f6 ; test rsi,rsi"),
            ("74 05                   ; je 1e", "7f 05 ; jg"),
            // Something else than a reference count is used.
            ("66 ff 40 24             ; inc word [rax+0x24]", "66 ff 40 28 ; inc word [rax+0x28]"),
            ("66 ff 40 24             ; inc word [rax+0x24]", "66 ff 43 24 ; inc word [rbx+0x24]"),
        ] {
            let changed = with(REGISTERS, instruction, replacement);
            // The copy in rbx is the same item.
            assert_eq!(places(&changed).is_ok(), replacement.contains("rbx"), "{replacement}");
        }
        // The key is in no register or stack slot at the branch.
        let lost = with(REGISTERS, "49 89 fd                ; mov r13,rdi", "0f 1f 00 ; nop");
        assert_eq!(places(&lost).unwrap().1[0], None);
    }
}
