//! How the request that a lookup belongs to is read at the lookup itself.
//!
//! While memcached processes a text request, the connection's unread input (`rcurr`) still begins with it: the request is
//! taken off the input when it is done. A binary request's input begins behind its key. So the lookup's trap tells the verb,
//! and no second trap is needed for each request.

use std::collections::BTreeSet;

use iced_x86::{Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};
use mctop_common::records::OperandKind;

use super::code::{Body, Program, encoding};
use super::elf::Image;
use super::lookups::Lookups;
use super::points::{Connection, Operands, Point, Requests};
use super::recover::{self, telltales};
use super::symbols::Symbols;
use super::version;

/// Most variables that may point to the table of connections.
const TABLES_MAX: usize = 16;

/// Finds out how.
///
/// # Errors
/// Which relation failed, as a clause.
pub fn find(
    program: &Program<'_>,
    symbols: Option<&Symbols>,
    version: Option<&str>,
    lookups: &Lookups,
) -> Result<Requests, String> {
    let numbers = version.and_then(version::numbers).ok_or("the version is unknown")?;
    let by_thread = numbers >= version::LOOKUPS_BY_THREAD_SINCE;
    if by_thread {
        check_descriptors(&lookups.points)?;
    } else if let Some(reason) = &lookups.unconnected {
        return Err(format!("the connection of a lookup is not known: {reason}"));
    }
    let buffer = recover::read_buffer(program)?;
    let mut proof = vec![format!(
        "What searches the input for a line end gets a pointer at +{:#x} and a length at +{:#x} of the connection.",
        buffer.pointer, buffer.length
    )];
    let connection = if by_thread {
        let tables = tables(program, symbols)?;
        proof.push("The function that makes connections looks them up by descriptor in a table of pointers.".into());
        Connection::ByDescriptor(tables)
    } else {
        proof.push("At each lookup, its connection is in a register or a stack slot.".into());
        Connection::AtLookup
    };
    Ok(Requests {
        input: u32::try_from(buffer.pointer).map_err(|error| error.to_string())?,
        cut: numbers < version::REQUESTS_UNCUT_SINCE,
        connection,
        proof,
    })
}

/// Whether all lookup points load the client's descriptor, in one way.
fn check_descriptors(lookups: &[Point]) -> Result<(), String> {
    let mut displacements = lookups.iter().map(|point| match &point.operands {
        Operands::Lookup { descriptor, .. } if descriptor.kind == OperandKind::Memory as u8 => Some(descriptor.value),
        _ => None,
    });
    let first = displacements.next().flatten().ok_or("the client's descriptor is not known at a lookup")?;
    if displacements.all(|displacement| displacement == Some(first)) {
        Ok(())
    } else {
        Err("the client's descriptor is loaded in different ways".into())
    }
}

/// Variables that the function that makes connections indexes by eight: one is the table of connections.
fn tables(program: &Program<'_>, symbols: Option<&Symbols>) -> Result<Vec<u64>, String> {
    let mut tables = BTreeSet::new();
    for holder in program.holders(telltales::CONNECTION).into_keys() {
        if let Some(body) = program.body(holder) {
            tables.extend(indexed(program.image(), &body));
        }
    }
    if let Some(named) = symbols.and_then(|symbols| symbols.variable("conns")) {
        tables.retain(|table| *table == named);
    }
    if tables.is_empty() || tables.len() > TABLES_MAX {
        return Err(format!("{} variables may point to the table of connections", tables.len()));
    }
    Ok(tables.into_iter().collect())
}

/// Pointer variables whose value is the base of an access indexed by eight.
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

/// The fixed address that an instruction loads a pointer from.
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
        // By four, and through a register that was overwritten.
        assert!(found(&listing.replacen("48 8b 1c d0", "48 8b 1c 90", 1)).is_empty());
        assert!(found(&listing.replacen("48 63 d7", "48 63 c7", 1)).is_empty());
    }
}
