//! Finds out how a lookup probe can read the request that it belongs to.
//!
//! While memcached processes a text request, the connection's unread input (`rcurr`) still begins with it: the request is
//! removed from the input only when it is done. In a binary request, the unread input begins after the key. So the lookup's
//! trap can tell the verb, and requests need no trap of their own.

use std::collections::BTreeSet;

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};
use mctop_common::records::OperandKind;
use mctop_common::version::{LOOKUPS_BY_THREAD, ONE_PARSER, Version};

use super::code::{Body, Program, encoding};
use super::elf::Image;
use super::lookups::Lookups;
use super::points::{ConnectionSource, Operands, Point, RequestSource};
use super::recover::{self, marker_strings};
use super::symbols::Symbols;

/// At most this many candidates for the variable that points to the table of connections are accepted.
const TABLES_MAX: usize = 16;

/// Finds out how requests can be read at lookups.
///
/// # Errors
/// What could not be proved, as a clause.
pub(super) fn find(
    program: &Program<'_>,
    symbols: Option<&Symbols>,
    version: Option<Version>,
    lookups: &Lookups,
) -> Result<RequestSource, String> {
    let version = version.ok_or("the version of memcached is unknown")?;
    let by_thread = version >= LOOKUPS_BY_THREAD;
    if by_thread {
        check_descriptors(&lookups.points)?;
    } else if let Some(reason) = &lookups.no_connection {
        return Err(format!("the connection of a lookup is unknown: {reason}"));
    }
    let buffer = recover::read_buffer(program)?;
    let mut proof = vec![format!(
        "The search for a line end is passed the pointer at +{:#x} and the length at +{:#x} of the connection.",
        buffer.pointer, buffer.length
    )];
    let connection = if by_thread {
        let tables = tables(program, symbols)?;
        proof
            .push("The function that creates connections finds them by file descriptor in a table of pointers.".into());
        ConnectionSource::ByDescriptor(tables)
    } else {
        proof.push("At each lookup, the connection is in a register or a stack slot.".into());
        ConnectionSource::AtLookup
    };
    Ok(RequestSource {
        input: u32::try_from(buffer.pointer).map_err(|error| error.to_string())?,
        cut: version < ONE_PARSER,
        connection,
        proof,
    })
}

/// Checks that all lookup points load the client's file descriptor in the same way.
fn check_descriptors(lookups: &[Point]) -> Result<(), String> {
    let mut displacements = lookups.iter().map(|point| match &point.operands {
        Operands::Lookup { descriptor, .. } if descriptor.kind == OperandKind::Memory as u8 => Some(descriptor.value),
        _ => None,
    });
    let first = displacements.next().flatten().ok_or("the client's file descriptor is not available at a lookup")?;
    if displacements.all(|displacement| displacement == Some(first)) {
        Ok(())
    } else {
        Err("the lookup sites load the client's file descriptor in different ways".into())
    }
}

/// Variables that the function that creates connections uses as arrays of 8-byte elements. One of them is the table of
/// connections.
fn tables(program: &Program<'_>, symbols: Option<&Symbols>) -> Result<Vec<u64>, String> {
    let mut tables = BTreeSet::new();
    for holder in program.functions_with_strings(marker_strings::CONNECTION).into_keys() {
        if let Some(body) = program.body(holder) {
            tables.extend(indexed(program.image(), &body));
        }
    }
    if let Some(named) = symbols.and_then(|symbols| symbols.variable("conns")) {
        tables.retain(|table| *table == named);
    }
    if tables.is_empty() || tables.len() > TABLES_MAX {
        return Err(format!("{} variables could point to the table of connections", tables.len()));
    }
    Ok(tables.into_iter().collect())
}

/// Pointer variables whose value is the base of an access with an index that is scaled by eight.
fn indexed(image: &Image, body: &Body) -> BTreeSet<u64> {
    let mut factory = InstructionInfoFactory::new();
    let mut held: [Option<u64>; 16] = [None; 16];
    let mut found = BTreeSet::new();
    for instruction in body.instructions() {
        let base = encoding(instruction.memory_base()).and_then(|number| held.get(usize::from(number)).copied());
        if let Some(Some(variable)) = base
            && instruction.memory_index() != Register::None
            && instruction.memory_index_scale() == 8
        {
            found.insert(variable);
        }
        let loaded = variable(instruction).filter(|address| image.is_writable(*address) && address % 8 == 0);
        for used in factory.info(instruction).used_registers() {
            let written = !matches!(used.access(), OpAccess::Read | OpAccess::CondRead);
            if let Some(slot) = encoding(used.register().full_register())
                .filter(|_| written)
                .and_then(|number| held.get_mut(usize::from(number)))
            {
                *slot = None;
            }
        }
        if loaded.is_some()
            && let Some(slot) =
                encoding(instruction.op0_register()).and_then(|number| held.get_mut(usize::from(number)))
        {
            *slot = loaded;
        }
    }
    found
}

/// The constant address from which an instruction loads a pointer.
fn variable(instruction: &Instruction) -> Option<u64> {
    let loads = instruction.mnemonic() == Mnemonic::Mov
        && instruction.op0_kind() == OpKind::Register
        && instruction.op0_register().size() == 8
        && instruction.op1_kind() == OpKind::Memory;
    if !loads {
        None
    } else if instruction.is_ip_rel_memory_operand() {
        Some(instruction.ip_rel_memory_address())
    } else {
        let absolute = instruction.memory_base() == Register::None && instruction.memory_index() == Register::None;
        absolute.then(|| instruction.memory_displacement64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::fixture::{DATA, body, bytes, image};

    #[test]
    fn tables_of_pointers() {
        // The variable is at 0x1007 + 0x6ff9 = 0x8000.
        let listing = "
            48 8b 05 f9 6f 00 00    ; mov rax,qword [rip+0x6ff9]
            48 63 d7                ; movsxd rdx,edi
            48 8b 1c d0             ; mov rbx,qword [rax+rdx*8]
            c3                      ; ret";
        let found = |listing: &str| indexed(&image(&bytes(listing)), &body(listing)).into_iter().collect::<Vec<_>>();
        assert_eq!(found(listing), [DATA]);
        // Scaled by four; through a register that was overwritten.
        assert!(found(&listing.replacen("48 8b 1c d0", "48 8b 1c 90", 1)).is_empty());
        assert!(found(&listing.replacen("48 63 d7", "48 63 c7", 1)).is_empty());
    }
}
