//! Executes the code from the probed branch to the call of `logger_log` symbolically, along every path.

use iced_x86::{FlowControl, InstructionInfoFactory, Mnemonic};

use crate::target::code::Body;
use crate::target::symbolic::{SymbolicState, Value};

/// At most this many instructions are followed on one path; compilers generate about 20.
const PATH_MAX: usize = 80;
/// At most this many paths are followed; there are one or two.
const PATHS_MAX: usize = 32;

/// The state at a call.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// The function that is called.
    pub target: u64,
    /// Registers and stack at the call, before it pushes the return address.
    pub state: SymbolicState,
    /// Values that were compared with zero on this path, and whether they were zero.
    pub conditions: Vec<(Value, bool)>,
}

/// Follows the code from an address to the first call on each path.
///
/// # Errors
/// Why a path cannot be followed, as a clause.
pub(super) fn walk(body: &Body, start: u64) -> Result<Vec<Arrival>, String> {
    let mut factory = InstructionInfoFactory::new();
    let mut arrivals = Vec::new();
    let mut pending = vec![(start, SymbolicState::at_origin(), Vec::new(), 0)];
    let mut paths = 1;
    while let Some((mut address, mut state, mut conditions, mut length)) = pending.pop() {
        loop {
            length += 1;
            if length > PATH_MAX {
                return Err("the code after the branch does not lead to the call of logger_log".into());
            }
            let instruction = body.at(address).ok_or("the code after the branch leaves the function")?;
            match instruction.flow_control() {
                FlowControl::Next => {
                    state.step(instruction, &mut factory);
                    address = instruction.next_ip();
                }
                FlowControl::UnconditionalBranch => address = instruction.near_branch_target(),
                FlowControl::ConditionalBranch => {
                    let decides = match instruction.mnemonic() {
                        Mnemonic::Je => state.compared_with_zero.map(|value| (value, true)),
                        Mnemonic::Jne => state.compared_with_zero.map(|value| (value, false)),
                        _ => None,
                    };
                    // A second test of the same value has the same result.
                    let known = decides.and_then(|(value, zero_when_taken)| {
                        conditions.iter().find(|(other, _)| *other == value).map(|&(_, zero)| zero == zero_when_taken)
                    });
                    match known {
                        Some(true) => address = instruction.near_branch_target(),
                        Some(false) => address = instruction.next_ip(),
                        None => {
                            paths += 1;
                            if paths > PATHS_MAX {
                                return Err("the code after the branch has too many paths".into());
                            }
                            let mut taken = conditions.clone();
                            if let Some((value, zero)) = decides {
                                taken.push((value, zero));
                                conditions.push((value, !zero));
                            }
                            pending.push((instruction.near_branch_target(), state.clone(), taken, length));
                            address = instruction.next_ip();
                        }
                    }
                }
                FlowControl::Call => {
                    arrivals.push(Arrival { target: instruction.near_branch_target(), state, conditions });
                    break;
                }
                _ => return Err("the code after the branch does not lead to the call of logger_log".into()),
            }
        }
    }
    Ok(arrivals)
}
