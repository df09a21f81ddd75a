//! Tests with the code that compilers generate for the log call, and with variations that must be refused.

use mctop_common::records::Operand;

use super::coverage::exactly_once;
use super::flags::{FlagBranch, LOG_FETCHERS, flag_branches};
use super::logged::{LoggedOperands, read};
use crate::target::elf::Imports;
use crate::target::fixture::{CODE, body, with};

/// gcc: values in registers, the descriptor in the thread, the test of the item out of line.
const GCC: &str = "
    53                      ; push rbx
    f6 47 54 04             ; test byte [rdi+0x54],0x4
    74 37                   ; je 3e
    41 8b 8d 58 01 00 00    ; mov ecx,dword [r13+0x158]
    48 85 db                ; test rbx,rbx
    74 2d                   ; je 40
    0f b6 43 28             ; movzx eax,byte [rbx+0x28]
    8b 53 20                ; mov edx,dword [rbx+0x20]
    24 3f                   ; and al,0x3f
    48 83 ec 08             ; sub rsp,0x8
    49 89 e9                ; mov r9,rbp
    4d 89 e0                ; mov r8,r12
    be 02 00 00 00          ; mov esi,0x2
    51                      ; push rcx
    44 89 f1                ; mov ecx,r14d
    50                      ; push rax
    31 c0                   ; xor eax,eax
    52                      ; push rdx
    31 d2                   ; xor edx,edx
    e8 0c 00 00 00          ; call 46
    48 83 c4 20             ; add rsp,0x20
    5b                      ; pop rbx
    c3                      ; ret
    31 c0                   ; xor eax,eax
    31 d2                   ; xor edx,edx
    eb d6                   ; jmp 1c
    c3                      ; ret";

/// clang: everything but the thread is spilled to the stack.
const SLOTS: &str = "
    f6 47 54 04             ; test byte [rdi+0x54],0x4
    75 01                   ; jne 7
    c3                      ; ret
    48 8b 44 24 18          ; mov rax,qword [rsp+0x18]
    48 85 c0                ; test rax,rax
    74 0d                   ; je 1e
    44 8b 50 20             ; mov r10d,dword [rax+0x20]
    0f b6 68 28             ; movzx ebp,byte [rax+0x28]
    83 e5 3f                ; and ebp,0x3f
    eb 05                   ; jmp 23
    45 31 d2                ; xor r10d,r10d
    31 ed                   ; xor ebp,ebp
    45 8b 9f 58 01 00 00    ; mov r11d,dword [r15+0x158]
    48 83 ec 08             ; sub rsp,0x8
    4c 8b 44 24 10          ; mov r8,qword [rsp+0x10]
    4c 8b 4c 24 18          ; mov r9,qword [rsp+0x18]
    be 02 00 00 00          ; mov esi,0x2
    31 d2                   ; xor edx,edx
    8b 4c 24 2c             ; mov ecx,dword [rsp+0x2c]
    41 53                   ; push r11
    55                      ; push rbp
    41 52                   ; push r10
    e8 05 00 00 00          ; call 52
    48 83 c4 20             ; add rsp,0x20
    c3                      ; ret
    c3                      ; ret";

/// Arguments are stored instead of pushed, only the class is logged, the outcome is a constant, and the flags are loaded first.
const STORED: &str = "
    0f b7 47 54             ; movzx eax,word [rdi+0x54]
    a8 04                   ; test al,0x4
    74 2c                   ; je 34
    48 89 1c 24             ; mov qword [rsp],rbx
    48 85 db                ; test rbx,rbx
    0f b6 43 28             ; movzx eax,byte [rbx+0x28]
    83 e0 3f                ; and eax,0x3f
    48 89 04 24             ; mov qword [rsp],rax
    49 89 e9                ; mov r9,rbp
    4d 89 e0                ; mov r8,r12
    b9 01 00 00 00          ; mov ecx,0x1
    ba 00 00 00 00          ; mov edx,0x0
    be 02 00 00 00          ; mov esi,0x2
    e8 01 00 00 00          ; call 35
    c3                      ; ret
    c3                      ; ret";

const RBX: u8 = 3;
const RSP: u8 = 4;
const RBP: u8 = 5;
const R12: u8 = 12;
const R13: u8 = 13;
const R14: u8 = 14;
const R15: u8 = 15;

fn logged(listing: &str) -> Result<LoggedOperands, String> {
    let body = body(listing);
    let branches = flag_branches(&body, LOG_FETCHERS);
    assert_eq!(branches.len(), 1, "{branches:x?}");
    read(&body, &branches[0]).map(|(_, logged)| logged)
}

#[test]
fn an_argument_that_is_in_place_at_the_branch() {
    let in_place = with(GCC, "44 89 f1                ; mov ecx,r14d", "0f 1f 00                ; nop");
    let in_place = with(
        &in_place,
        "41 8b 8d 58 01 00 00    ; mov ecx,dword [r13+0x158]",
        "41 8b 85 58 01 00 00    ; mov eax,dword [r13+0x158]",
    );
    assert_eq!(logged(&in_place).unwrap().found, Operand::register(1));
}

/// A listing with one instruction replaced by others of the same length.
#[test]
fn registers() {
    let body = body(GCC);
    let branch = FlagBranch { address: CODE + 5, logging_side: CODE + 7, logger: 7, displacement: 0x54 };
    assert_eq!(flag_branches(&body, LOG_FETCHERS), [branch]);
    let (target, logged) = read(&body, &branch).unwrap();
    assert_eq!(target, CODE + 0x46);
    assert_eq!(logged.key, Operand::register(R12));
    assert_eq!(logged.key_len, Operand::register(RBP));
    assert_eq!(logged.found, Operand::register(R14));
    assert_eq!(logged.item, Operand::register(RBX));
    assert_eq!(logged.descriptor, Operand::memory(R13, 0x158));
}

#[test]
fn stack_slots_are_named_from_the_stack_pointer_at_the_branch() {
    let logged = logged(SLOTS).unwrap();
    assert_eq!(logged.key, Operand::memory(RSP, 8));
    assert_eq!(logged.key_len, Operand::memory(RSP, 0x10));
    assert_eq!(logged.found, Operand::memory(RSP, 0x24));
    assert_eq!(logged.item, Operand::memory(RSP, 0x18));
    assert_eq!(logged.descriptor, Operand::memory(R15, 0x158));
}

#[test]
fn stored_arguments_and_constants() {
    let logged = logged(STORED).unwrap();
    assert_eq!(logged.found, Operand::constant(1));
    assert_eq!(logged.item, Operand::register(RBX));
    assert_eq!(logged.descriptor, Operand::ABSENT);
}

#[test]
fn a_register_overwritten_on_the_way_is_tracked_back() {
    // The key length moves through rax and the key's register is reused before the call.
    let listing =
        with(GCC, "49 89 e9                ; mov r9,rbp", "49 89 e9 4c 89 e5       ; mov r9,rbp; mov rbp,r12");
    let listing = with(&listing, "74 37  ", "74 3a  ");
    let listing = with(&listing, "74 2d  ", "74 30  ");
    let listing = with(&listing, "eb d6  ", "eb d3  ");
    let listing = with(&listing, "4d 89 e0                ; mov r8,r12", "49 89 e8                ; mov r8,rbp");
    let logged = logged(&listing).unwrap();
    assert_eq!((logged.key, logged.key_len), (Operand::register(R12), Operand::register(RBP)));
}

#[test]
fn refused() {
    let cases = [
        ("be 02 00 00 00", "be 03 00 00 00", "event"),
        ("31 d2                   ; xor edx,edx\n    e8", "31 f2                   ; xor edx,esi\n    e8", "NULL"),
        ("24 3f", "24 7f", "class"),
        ("0f b6 43 28", "0f b6 43 27", "class"),
        ("0f b6 43 28", "0f b6 45 28", "different items"),
        ("8b 53 20", "8b 53 24", "class of an item"),
        ("74 2d ", "75 2d ", "NULL"),
        ("48 85 db", "48 85 ed", "NULL"),
        ("4d 89 e0", "45 89 e0", "key"),
        ("4d 89 e0", "4d 01 e0", "key"),
        ("49 89 e9", "41 89 e9", "key length"),
        ("41 8b 8d 58 01 00 00", "48 8d bd 58 01 00 00", "logger"),
        ("e8 0c 00 00 00", "eb fe 90 90 90", "does not lead to the call"),
    ];
    for (instruction, replacement, reason) in cases {
        let refused = logged(&with(GCC, instruction, replacement)).unwrap_err();
        assert!(refused.contains(reason), "{replacement}: {refused}");
    }
}

/// clang -O1: the item is tested again for each field.
#[test]
fn repeated_tests_of_a_value_have_the_same_result() {
    let listing = "
        f6 47 54 04             ; test byte [rdi+0x54],0x4
        74 39                   ; je 3f
        31 ed                   ; xor ebp,ebp
        45 31 d2                ; xor r10d,r10d
        48 85 db                ; test rbx,rbx
        74 04                   ; je 14
        44 8b 53 20             ; mov r10d,dword [rbx+0x20]
        48 85 db                ; test rbx,rbx
        74 07                   ; je 20
        0f b6 6b 28             ; movzx ebp,byte [rbx+0x28]
        83 e5 3f                ; and ebp,0x3f
        be 02 00 00 00          ; mov esi,0x2
        31 d2                   ; xor edx,edx
        44 89 e9                ; mov ecx,r13d
        4d 89 f0                ; mov r8,r14
        4d 89 e1                ; mov r9,r12
        55                      ; push rbp
        41 52                   ; push r10
        e8 05 00 00 00          ; call 3d
        48 83 c4 10             ; add rsp,0x10
        c3                      ; ret
        c3                      ; ret";
    assert_eq!(logged(listing).unwrap().item, Operand::register(RBX));
}

#[test]
fn only_the_fetchers_flag_counts() {
    for (instruction, replacement) in [
        ("f6 47 54 04", "f6 47 54 08"),
        ("f6 47 54 04", "f6 07 04 90"),
        ("74 37 ", "78 37 "),
        ("f6 47 54 04             ", "f6 47 54 04 48 ff c0    "),
    ] {
        assert_eq!(flag_branches(&body(&with(GCC, instruction, replacement)), LOG_FETCHERS), [], "{replacement}");
    }
}

#[test]
fn a_jump_between_test_and_branch_is_refused() {
    let listing = "
        74 04                   ; je 6
        f6 47 54 04             ; test byte [rdi+0x54],0x4
        74 01                   ; je 9
        c3                      ; ret
        c3                      ; ret";
    assert_eq!(flag_branches(&body(listing), LOG_FETCHERS), []);
}

#[test]
fn every_path_passes_the_site_once() {
    let imports = Imports::default();
    let check = |listing: &str, sites: &[u64]| exactly_once(&imports, &body(listing), sites);
    assert_eq!(check(GCC, &[CODE + 5]), Ok(()));
    let early = "
        74 03                   ; je 5
        74 00                   ; je 4
        90                      ; nop
        c3                      ; ret";
    assert!(check(early, &[CODE + 2]).unwrap_err().contains("does not pass"));
    let exclusive = "
        74 03                   ; je 5
        74 03                   ; je 7
        c3                      ; ret
        74 00                   ; je 7
        c3                      ; ret";
    assert_eq!(check(exclusive, &[CODE + 2, CODE + 5]), Ok(()));
    let looping = "
        74 02                   ; je 4
        74 fc                   ; je 0
        c3                      ; ret";
    assert!(check(looping, &[CODE]).unwrap_err().contains("twice"));
    let computed = "
        74 02                   ; je 4
        ff e0                   ; jmp rax
        c3                      ; ret";
    assert!(check(computed, &[CODE]).unwrap_err().contains("computed jump"));
    let endless = "
        74 fe                   ; je 0
        eb fe                   ; jmp 2";
    assert!(check(endless, &[CODE]).unwrap_err().contains("no return"));
}
