//! Analyses all functions of a binary in one pass: the call graph, references to strings, and functions whose address is taken.

use std::collections::{BTreeSet, HashMap, HashSet};

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::Body;
use super::body::{decode, direct_target};
use crate::target::elf::{AddressRange, Image, Imports, Sections, Unwind};

/// Longest string constant that is compared, in bytes.
const STRING_MAX: usize = 96;
/// Limit for the code that is analysed, in bytes. A memcached with a proxy, Lua and TLS linked statically is below 8 MB.
const CODE_BYTES_MAX: u64 = 64 << 20;
/// Chains of fragments of fragments are followed to this depth.
const FRAGMENT_DEPTH_MAX: usize = 5;

/// How one function leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// `call`.
    Call,
    /// `jmp` out of the function.
    Jump,
    /// Conditional jump out of the function.
    Branch,
}

/// A direct transfer of control out of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Start of the function that contains it.
    pub from: u64,
    /// Address of the instruction.
    pub at: u64,
    /// Address of the next instruction, to which a call returns.
    pub next: u64,
    /// The address that it transfers control to.
    pub target: u64,
    /// The kind of transfer.
    pub kind: CallKind,
}

/// What is known about one function.
#[derive(Debug, Default)]
pub(crate) struct FunctionFacts {
    /// Its direct transfers to other functions.
    pub calls: Vec<Call>,
    /// Names of the imports that it calls.
    pub imports: HashSet<String>,
    /// The wanted strings to which it refers.
    pub strings: HashSet<&'static str>,
    /// Whether it passes a line end as an argument: see [`passes_line_end`].
    pub has_line_end: bool,
}

/// All functions of a binary.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    image: &'a Image,
    unwind: Unwind<'a>,
    imports: Imports,
    facts: HashMap<u64, FunctionFacts>,
    callers: HashMap<u64, Vec<Call>>,
    address_taken: HashSet<u64>,
    owners: HashMap<u64, u64>,
    fragments: HashMap<u64, Vec<u64>>,
}

impl<'a> Program<'a> {
    /// Analyses a binary, including references to the `wanted` strings.
    ///
    /// # Errors
    /// Why it cannot be analysed, as a clause.
    pub(crate) fn sweep(image: &'a Image, wanted: &[&'static str]) -> Result<Self, String> {
        let unwind = Unwind::read(image).ok_or(
            "it has no unwind tables (section .eh_frame), which mctop needs to find functions and stack frames; use a memcached \
             that is not packed and was not built with -fno-asynchronous-unwind-tables",
        )?;
        let code: u64 = unwind.functions().iter().map(AddressRange::len).sum();
        let text = Sections::read(image).and_then(|sections| Some(sections.by_name(".text")?.bytes.len() as u64));
        // Start-up code has entries even in a program that was built without unwind tables.
        if text.is_some_and(|text| code < text / 2) {
            return Err(format!(
                "its unwind tables (.eh_frame) describe only {code} bytes of {} bytes of code, and mctop needs them to find \
                 functions and stack frames; build memcached without -fno-asynchronous-unwind-tables",
                text.unwrap_or_default()
            ));
        }
        if code > CODE_BYTES_MAX {
            return Err(format!(
                "its code is larger than {} MiB, much larger than that of any memcached",
                CODE_BYTES_MAX >> 20
            ));
        }
        let wanted: HashMap<&[u8], &'static str> = wanted.iter().map(|&text| (text.as_bytes(), text)).collect();
        let mut program = Self {
            image,
            imports: Imports::read(image),
            facts: HashMap::new(),
            callers: HashMap::new(),
            address_taken: HashSet::new(),
            owners: HashMap::new(),
            fragments: HashMap::new(),
            unwind,
        };
        for range in program.unwind.functions().to_vec() {
            let facts = program.analyse(range, &wanted);
            program.facts.insert(range.start, facts);
        }
        let pointers: Vec<u64> =
            program.imports.pointers().iter().copied().filter(|&address| program.is_start(address)).collect();
        program.address_taken.extend(pointers);
        program.link_callers_and_fragments();
        Ok(program)
    }

    /// The binary.
    pub(crate) const fn image(&self) -> &'a Image {
        self.image
    }

    /// Its unwind table.
    pub(crate) const fn unwind(&self) -> &Unwind<'a> {
        &self.unwind
    }

    /// Its imports.
    pub(crate) const fn imports(&self) -> &Imports {
        &self.imports
    }

    /// The range of the function or fragment that contains an address.
    pub(crate) fn range_of(&self, address: u64) -> Option<AddressRange> {
        let functions = self.unwind.functions();
        let index = functions.partition_point(|range| range.start <= address).checked_sub(1)?;
        functions.get(index).copied().filter(|range| range.contains(address))
    }

    /// Whether a function or fragment begins at an address.
    pub(crate) fn is_start(&self, address: u64) -> bool {
        self.range_of(address).is_some_and(|range| range.start == address)
    }

    /// The function from which a fragment was split off; other functions are returned unchanged.
    pub(crate) fn root(&self, function: u64) -> u64 {
        let mut root = function;
        for _ in 0..FRAGMENT_DEPTH_MAX {
            match self.owners.get(&root) {
                Some(&owner) => root = owner,
                None => break,
            }
        }
        root
    }

    /// Whether the program takes a function's address, so that it may be called through a pointer.
    pub(crate) fn is_address_taken(&self, function: u64) -> bool {
        self.address_taken.contains(&function)
    }

    /// Start addresses of a function and then of its fragments, ascending.
    pub(crate) fn parts(&self, function: u64) -> impl Iterator<Item = u64> {
        std::iter::once(function).chain(self.fragments.get(&function).into_iter().flatten().copied())
    }

    /// A function with its fragments, decoded.
    pub(crate) fn body(&self, function: u64) -> Option<Body> {
        let ranges: Vec<AddressRange> = self.parts(function).filter_map(|start| self.range_of(start)).collect();
        Body::decode(self.image, &ranges)
    }

    /// Transfers to the start of a function, with the functions ([`Self::root`]) that they come from.
    pub(crate) fn callers(&self, function: u64) -> impl Iterator<Item = (u64, &Call)> {
        self.callers.get(&function).into_iter().flatten().map(|call| (self.root(call.from), call))
    }

    /// Transfers out of a function and its fragments.
    pub(crate) fn calls(&self, function: u64) -> impl Iterator<Item = &Call> {
        self.parts(function).filter_map(|part| self.facts.get(&part)).flat_map(|facts| &facts.calls)
    }

    /// Whether a function or a fragment of it calls an import.
    pub(crate) fn calls_import(&self, function: u64, matches: impl Fn(&str) -> bool) -> bool {
        self.parts(function)
            .filter_map(|part| self.facts.get(&part))
            .any(|facts| facts.imports.iter().any(|name| matches(name)))
    }

    /// Whether a function or a fragment of it passes a line end as an argument.
    pub(crate) fn mentions_line_end(&self, function: u64) -> bool {
        self.parts(function).filter_map(|part| self.facts.get(&part)).any(|facts| facts.has_line_end)
    }

    /// Functions that pass a line end as an argument, ascending.
    pub(crate) fn functions_with_line_end(&self) -> impl Iterator<Item = u64> {
        let holders = self.facts.iter().filter(|(_, facts)| facts.has_line_end).map(|(&part, _)| self.root(part));
        holders.collect::<BTreeSet<u64>>().into_iter()
    }

    /// Functions that refer to any of these wanted strings, with the number of different ones.
    pub(crate) fn functions_with_strings(&self, strings: &[&'static str]) -> HashMap<u64, usize> {
        let mut held: HashMap<u64, HashSet<&str>> = HashMap::new();
        for (&part, facts) in &self.facts {
            let found = strings.iter().copied().filter(|string| facts.strings.contains(string));
            for string in found {
                held.entry(self.root(part)).or_default().insert(string);
            }
        }
        held.into_iter().map(|(function, strings)| (function, strings.len())).collect()
    }

    fn analyse(&mut self, range: AddressRange, wanted: &HashMap<&[u8], &'static str>) -> FunctionFacts {
        let mut facts = FunctionFacts::default();
        let image = self.image;
        for instruction in decode(image, range) {
            facts.has_line_end |= passes_line_end(&instruction);
            if let Some(target) = direct_target(&instruction) {
                self.transfer(range, &instruction, target, &mut facts);
                continue;
            }
            if matches!(instruction.flow_control(), FlowControl::IndirectCall | FlowControl::IndirectBranch)
                && instruction.is_ip_rel_memory_operand()
            {
                if let Some(name) = self.imports.by_slot(instruction.ip_rel_memory_address()) {
                    facts.imports.insert(name.to_owned());
                }
                continue;
            }
            for address in referenced_addresses(&instruction, image.is_relocatable()).into_iter().flatten() {
                if self.is_start(address) {
                    self.address_taken.insert(address);
                } else if let Some(&string) = image.string(address, STRING_MAX).and_then(|text| wanted.get(text)) {
                    facts.strings.insert(string);
                }
            }
        }
        facts
    }

    fn transfer(&self, range: AddressRange, instruction: &Instruction, target: u64, facts: &mut FunctionFacts) {
        if let Some(name) = self.imports.by_stub(target) {
            facts.imports.insert(name.to_owned());
            return;
        }
        let kind = match instruction.flow_control() {
            FlowControl::Call => CallKind::Call,
            _ if range.contains(target) => return,
            FlowControl::UnconditionalBranch => CallKind::Jump,
            _ => CallKind::Branch,
        };
        facts.calls.push(Call { from: range.start, at: instruction.ip(), next: instruction.next_ip(), target, kind });
    }

    /// Fills in the callers of each function and finds fragments. A fragment is entered only by jumps from one function, at least one
    /// of which is conditional or does not lead to its start. Unconditional jumps to a start alone are tail calls of a function.
    fn link_callers_and_fragments(&mut self) {
        let mut entered: HashMap<u64, Vec<Call>> = HashMap::new();
        for call in self.facts.values().flat_map(|facts| &facts.calls) {
            self.callers.entry(call.target).or_default().push(*call);
            if let Some(range) = self.range_of(call.target)
                && range.start != call.from
            {
                entered.entry(range.start).or_default().push(*call);
            }
        }
        for calls in self.callers.values_mut() {
            calls.sort_unstable_by_key(|call| call.at);
        }
        for (fragment, calls) in entered {
            let by_jumps = calls.iter().all(|call| call.kind != CallKind::Call);
            let as_fragment = calls.iter().any(|call| call.kind == CallKind::Branch || call.target != fragment);
            let from_one = calls.windows(2).all(|pair| matches!(pair, [a, b] if a.from == b.from));
            if by_jumps
                && as_fragment
                && from_one
                && !self.address_taken.contains(&fragment)
                && let Some(first) = calls.first()
            {
                self.owners.insert(fragment, first.from);
            }
        }
        for &fragment in self.owners.keys() {
            self.fragments.entry(self.root(fragment)).or_default().push(fragment);
        }
        for fragments in self.fragments.values_mut() {
            fragments.sort_unstable();
        }
    }
}

/// Whether an instruction may set the second argument of a call to a line end: `mov esi,10`, or `push 10` before `pop rsi`.
pub(crate) fn passes_line_end(instruction: &Instruction) -> bool {
    let operand = match instruction.mnemonic() {
        Mnemonic::Mov if instruction.op0_register() == Register::ESI => 1,
        Mnemonic::Push => 0,
        _ => return false,
    };
    instruction.try_immediate(operand).is_ok_and(|value| value == u64::from(b'\n'))
}

/// Addresses to which an instruction refers: relative to the instruction pointer, or absolute if the program is not relocatable.
fn referenced_addresses(instruction: &Instruction, relocatable: bool) -> [Option<u64>; 2] {
    /// Smaller immediates are numbers, not addresses.
    const LOWEST: u64 = 0x1_0000;
    let memory = if instruction.is_ip_rel_memory_operand() {
        Some(instruction.ip_rel_memory_address())
    } else {
        let absolute = instruction.op_kinds().any(|kind| kind == OpKind::Memory)
            && instruction.memory_base() == Register::None
            && !relocatable;
        absolute.then(|| instruction.memory_displacement64()).filter(|&address| address >= LOWEST)
    };
    let immediate = (!relocatable)
        .then(|| (0..instruction.op_count()).find_map(|operand| instruction.try_immediate(operand).ok()))
        .flatten()
        .filter(|&address| address >= LOWEST);
    [memory, immediate]
}
