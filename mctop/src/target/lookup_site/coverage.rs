//! Proves that every path through a function passes exactly one of a set of instructions.

use iced_x86::FlowControl;

use crate::target::code::Body;
use crate::target::elf::Imports;

/// How many sites the paths to an instruction have passed: a bit set of the counts 0, 1, and 2 or more.
type PassCounts = u8;
const NONE: PassCounts = 1;
const ONE: PassCounts = 2;
const MORE: PassCounts = 4;

/// Checks that every path from the entry to a return passes exactly one of the sites.
///
/// # Errors
/// What was found instead, as a clause.
pub(super) fn exactly_once(imports: &Imports, body: &Body, sites: &[u64]) -> Result<(), String> {
    let instructions = body.instructions();
    let mut reached: Vec<PassCounts> = vec![0; instructions.len()];
    let mut pending = vec![(body.entry(), NONE)];
    let mut at_return: PassCounts = 0;
    // Each instruction is processed at most once for each count, so this terminates.
    while let Some((address, counts)) = pending.pop() {
        let Some(position) = body.position(address) else {
            // After a call that does not return, another function may begin.
            continue;
        };
        let (Some(instruction), Some(known)) = (instructions.get(position), reached.get_mut(position)) else {
            continue;
        };
        let new = counts & !*known;
        if new == 0 {
            continue;
        }
        *known |= new;
        let counts = if sites.contains(&address) { pass(new) } else { new };
        match instruction.flow_control() {
            FlowControl::Return => at_return |= counts,
            FlowControl::UnconditionalBranch => {
                let target = instruction.near_branch_target();
                if body.position(target).is_none() {
                    at_return |= counts;
                }
                pending.push((target, counts));
            }
            FlowControl::ConditionalBranch => {
                pending.push((instruction.near_branch_target(), counts));
                pending.push((instruction.next_ip(), counts));
            }
            FlowControl::IndirectBranch => {
                return Err("do_item_get has a computed jump, whose targets are unknown".into());
            }
            FlowControl::Call | FlowControl::IndirectCall if !imports.returns(instruction) => {}
            FlowControl::Call | FlowControl::IndirectCall => pending.push((instruction.next_ip(), counts)),
            FlowControl::Next => pending.push((instruction.next_ip(), counts)),
            _ => {}
        }
    }
    match at_return {
        ONE => Ok(()),
        0 => Err("no return of the function was found".into()),
        counts if counts & NONE != 0 => Err("a path through the function does not pass the branch".into()),
        _ => Err("a path through the function passes the branch twice".into()),
    }
}

/// The counts after passing a site.
const fn pass(counts: PassCounts) -> PassCounts {
    let mut after = 0;
    if counts & NONE != 0 {
        after |= ONE;
    }
    if counts & (ONE | MORE) != 0 {
        after |= MORE;
    }
    after
}
