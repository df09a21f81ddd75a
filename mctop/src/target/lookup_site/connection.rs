//! Finds the connection of a lookup. Before [`LOOKUPS_BY_THREAD`](mctop_common::version), it is the fourth argument of
//! `do_item_get`, which keeps it to the end for
//!
//! ```text
//! LOGGER_LOG(c->thread->l, …)
//! ```
//!
//! Its place at a site is found by following it from the entry on every path.

use std::collections::BTreeSet;

use mctop_common::records::Operand;

use crate::target::code::{Body, Program};
use crate::target::elf::Imports;
use crate::target::symbolic::{Paths, Pointer, SymbolicState, Value};

/// rcx, in which the fourth argument is passed.
pub(super) const ARGUMENT: u8 = 1;

/// Where the connection is at some sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connections {
    /// One operand for each site.
    pub operands: Vec<Operand>,
    /// The facts that prove it, one sentence each.
    pub proof: Vec<String>,
}

/// Finds the connection at sites in `do_item_get`, in versions in which that is passed the connection.
///
/// # Errors
/// What could not be proved, as a clause.
pub(crate) fn connections(program: &Program<'_>, item_get: u64, sites: &[u64]) -> Result<Connections, String> {
    let body = program.body(item_get).ok_or("do_item_get is larger than in any known memcached")?;
    find(program.imports(), &body, sites)
}

fn find(imports: &Imports, body: &Body, sites: &[u64]) -> Result<Connections, String> {
    let paths = Paths::of(body, imports, SymbolicState::following_loads())?;
    let mut threads = BTreeSet::new();
    paths.visit(|_, state| {
        if let Some(Value::Load(Pointer::Memory(ARGUMENT, thread), _, 8, u64::MAX)) = state.compared_with_zero {
            threads.insert(thread);
        }
    });
    let [thread] = Vec::from_iter(threads)[..] else {
        return Err("do_item_get does not load its logger through its fourth argument".into());
    };
    let operand = |site: &u64| {
        let place = paths.at(*site).and_then(|state| state.operand_for(Value::Sum(ARGUMENT, 0)));
        place.ok_or_else(|| format!("at {site:#x} it is in no register or stack slot"))
    };
    Ok(Connections {
        operands: sites.iter().map(operand).collect::<Result<_, _>>()?,
        proof: vec![
            format!(
                "The function compares its logger with NULL, and loads it through a pointer at +{thread:#x} of the fourth argument: \
                 the thread of the connection."
            ),
            "The connection is in the same place on every path to the site.".into(),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::fixture::{CODE, body, with};

    /// gcc -O2: the logger of the thread, or else the one in thread-specific data.
    const KEPT: &str = "
        49 89 ce                ; mov r14,rcx
        e8 00 00 00 00          ; call 8
        41 80 4d 27 18          ; or byte [r13+0x27],0x18
        49 8b 86 f8 01 00 00    ; mov rax,qword [r14+0x1f8]
        48 8b b8 58 19 00 00    ; mov rdi,qword [rax+0x1958]
        48 85 ff                ; test rdi,rdi
        74 07                   ; je 27
        f6 47 54 04             ; test byte [rdi+0x54],0x4
        74 00                   ; je 26
        c3                      ; ret
        e8 00 00 00 00          ; call 2c
        48 89 c7                ; mov rdi,rax
        eb ef                   ; jmp 20";

    /// gcc -O0: the connection is in the frame.
    const SLOTS: &str = "
        55                      ; push rbp
        48 89 e5                ; mov rbp,rsp
        48 83 ec 20             ; sub rsp,0x20
        48 89 4d f0             ; mov qword [rbp-0x10],rcx
        e8 00 00 00 00          ; call 11
        66 41 ff 45 24          ; inc word [r13+0x24]
        48 8b 45 f0             ; mov rax,qword [rbp-0x10]
        48 8b 80 f8 01 00 00    ; mov rax,qword [rax+0x1f8]
        48 8b 80 58 19 00 00    ; mov rax,qword [rax+0x1958]
        48 89 45 f8             ; mov qword [rbp-0x8],rax
        48 83 7d f8 00          ; cmp qword [rbp-0x8],0
        74 00                   ; je 33
        c3                      ; ret";

    fn place(listing: &str, site: u64) -> Result<Operand, String> {
        find(&Imports::default(), &body(listing), &[CODE + site]).map(|found| found.operands[0])
    }

    #[test]
    fn places() {
        assert_eq!(place(KEPT, 0x24), Ok(Operand::register(14)));
        assert_eq!(place(SLOTS, 0x31), Ok(Operand::memory(4, 0x10)));
    }

    #[test]
    fn refused() {
        // Another argument; the argument has the logger itself, as a thread has; the connection is overwritten before the site.
        let other = with(KEPT, "49 89 ce ", "49 89 d6 ");
        assert!(place(&other, 0x24).unwrap_err().contains("does not load its logger"));
        let of_thread = with(KEPT, "49 8b 86 f8 01 00 00", "4c 89 f0 90 90 90 90");
        assert!(place(&of_thread, 0x24).unwrap_err().contains("does not load its logger"));
        let lost = with(KEPT, "48 89 c7                ; mov rdi,rax", "49 89 c6 ; mov r14,rax");
        assert!(place(&lost, 0x24).unwrap_err().contains("in no register or stack slot"));
        let not_kept = with(SLOTS, "48 89 45 f8 ", "48 89 45 f0 ");
        assert!(place(&not_kept, 0x31).unwrap_err().contains("does not load its logger"));
    }
}
