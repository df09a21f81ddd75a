//! One sweep over all functions of a binary: who calls whom, who refers to which string, whose address is taken.

use std::collections::{BTreeSet, HashMap, HashSet};

use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, Register};

use super::body::{decode, direct_target};
use super::{Body, Range};
use crate::target::elf::{Image, Imports, Sections, Unwind};

/// Longest string constant that is looked at, in bytes.
const STRING_MAX: usize = 96;
/// Most code that is swept, in bytes: a memcached with a proxy, Lua and TLS linked in statically stays below 8 MB.
const CODE_BYTES_MAX: u64 = 64 << 20;
/// Deepest chain of fragments of fragments that is followed.
const FRAGMENT_DEPTH_MAX: usize = 5;

/// How one function leads to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// `call`.
    Call,
    /// `jmp` out of the function.
    Jump,
    /// Conditional jump out of the function.
    Branch,
}

/// A direct transfer of control out of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Start of the function it is in.
    pub from: u64,
    /// Address of the instruction.
    pub at: u64,
    /// Address of the next instruction: where a call returns to.
    pub next: u64,
    /// Where it leads.
    pub target: u64,
    /// How.
    pub kind: CallKind,
}

/// What is known of one function.
#[derive(Debug, Default)]
pub struct Facts {
    /// Its direct transfers to other functions.
    pub calls: Vec<Call>,
    /// Names of the imports it calls.
    pub imports: HashSet<String>,
    /// Which of the wanted strings it refers to.
    pub strings: HashSet<&'static str>,
    /// Whether it passes a line end as an argument: see [`passes_line_end`].
    pub has_line_end: bool,
}

/// All functions of a binary.
#[derive(Debug)]
pub struct Program<'a> {
    image: &'a Image,
    unwind: Unwind<'a>,
    imports: Imports,
    facts: HashMap<u64, Facts>,
    callers: HashMap<u64, Vec<Call>>,
    taken: HashSet<u64>,
    owners: HashMap<u64, u64>,
    fragments: HashMap<u64, Vec<u64>>,
}

impl<'a> Program<'a> {
    /// Sweeps a binary, noting references to the `wanted` strings.
    ///
    /// # Errors
    /// Why it cannot be done, as a clause.
    pub fn sweep(image: &'a Image, wanted: &[&'static str]) -> Result<Self, String> {
        let unwind = Unwind::read(image).ok_or(
            "it has no unwind tables (section .eh_frame), without which functions and frames cannot be told; use a \
             memcached that is not packed, and not built with -fno-asynchronous-unwind-tables",
        )?;
        let code: u64 = unwind.functions().iter().map(Range::len).sum();
        let text = Sections::read(image).and_then(|sections| Some(sections.by_name(".text")?.bytes.len() as u64));
        // Start-up code has entries even in a program that was built without.
        if text.is_some_and(|text| code < text / 2) {
            return Err(format!(
                "its unwind tables (.eh_frame) describe {code} bytes of {} of code, without which functions and frames \
                 cannot be told; build memcached without -fno-asynchronous-unwind-tables",
                text.unwrap_or_default()
            ));
        }
        if code > CODE_BYTES_MAX {
            return Err(format!("its code is larger than {} MiB, which no memcached's is", CODE_BYTES_MAX >> 20));
        }
        let wanted: HashMap<&[u8], &'static str> = wanted.iter().map(|&text| (text.as_bytes(), text)).collect();
        let mut program = Self {
            image,
            imports: Imports::read(image),
            facts: HashMap::new(),
            callers: HashMap::new(),
            taken: HashSet::new(),
            owners: HashMap::new(),
            fragments: HashMap::new(),
            unwind,
        };
        for range in program.unwind.functions().to_vec() {
            let facts = program.examine(range, &wanted);
            program.facts.insert(range.start, facts);
        }
        let pointers: Vec<u64> =
            program.imports.pointers().iter().copied().filter(|&address| program.is_start(address)).collect();
        program.taken.extend(pointers);
        program.relate();
        Ok(program)
    }

    /// The binary.
    #[must_use]
    pub const fn image(&self) -> &'a Image {
        self.image
    }

    /// Its unwind table.
    #[must_use]
    pub const fn unwind(&self) -> &Unwind<'a> {
        &self.unwind
    }

    /// Its imports.
    #[must_use]
    pub const fn imports(&self) -> &Imports {
        &self.imports
    }

    /// Range of the function or fragment around an address.
    #[must_use]
    pub fn range_of(&self, address: u64) -> Option<Range> {
        let functions = self.unwind.functions();
        let index = functions.partition_point(|range| range.start <= address).checked_sub(1)?;
        functions.get(index).copied().filter(|range| range.contains(address))
    }

    /// Whether a function or fragment begins at an address.
    #[must_use]
    pub fn is_start(&self, address: u64) -> bool {
        self.range_of(address).is_some_and(|range| range.start == address)
    }

    /// The function that a fragment was split off from; any other function itself.
    #[must_use]
    pub fn root(&self, function: u64) -> u64 {
        let mut root = function;
        for _ in 0..FRAGMENT_DEPTH_MAX {
            match self.owners.get(&root) {
                Some(&owner) => root = owner,
                None => break,
            }
        }
        root
    }

    /// Whether the program takes a function's address: it is called through a pointer.
    #[must_use]
    pub fn is_address_taken(&self, function: u64) -> bool {
        self.taken.contains(&function)
    }

    /// Starts of a function and of its fragments, ascending behind the function's own.
    pub fn parts(&self, function: u64) -> impl Iterator<Item = u64> {
        std::iter::once(function).chain(self.fragments.get(&function).into_iter().flatten().copied())
    }

    /// A function with its fragments, decoded.
    #[must_use]
    pub fn body(&self, function: u64) -> Option<Body> {
        let ranges: Vec<Range> = self.parts(function).filter_map(|start| self.range_of(start)).collect();
        Body::decode(self.image, &ranges)
    }

    /// Transfers to the start of a function from others, named by their roots.
    pub fn callers(&self, function: u64) -> impl Iterator<Item = (u64, &Call)> {
        self.callers.get(&function).into_iter().flatten().map(|call| (self.root(call.from), call))
    }

    /// Transfers out of a function and its fragments.
    pub fn calls(&self, function: u64) -> impl Iterator<Item = &Call> {
        self.parts(function).filter_map(|part| self.facts.get(&part)).flat_map(|facts| &facts.calls)
    }

    /// Whether a function or a fragment of it calls an import.
    #[must_use]
    pub fn calls_import(&self, function: u64, matches: impl Fn(&str) -> bool) -> bool {
        self.parts(function)
            .filter_map(|part| self.facts.get(&part))
            .any(|facts| facts.imports.iter().any(|name| matches(name)))
    }

    /// Whether a function or a fragment of it passes a line end as an argument.
    #[must_use]
    pub fn mentions_line_end(&self, function: u64) -> bool {
        self.parts(function).filter_map(|part| self.facts.get(&part)).any(|facts| facts.has_line_end)
    }

    /// Functions that do, ascending.
    pub fn line_end_holders(&self) -> impl Iterator<Item = u64> {
        let holders = self.facts.iter().filter(|(_, facts)| facts.has_line_end).map(|(&part, _)| self.root(part));
        holders.collect::<BTreeSet<u64>>().into_iter()
    }

    /// Functions that refer to any of the wanted strings, and to how many different ones.
    #[must_use]
    pub fn holders(&self, strings: &[&'static str]) -> HashMap<u64, usize> {
        let mut held: HashMap<u64, HashSet<&str>> = HashMap::new();
        for (&part, facts) in &self.facts {
            let found = strings.iter().copied().filter(|string| facts.strings.contains(string));
            for string in found {
                held.entry(self.root(part)).or_default().insert(string);
            }
        }
        held.into_iter().map(|(function, strings)| (function, strings.len())).collect()
    }

    fn examine(&mut self, range: Range, wanted: &HashMap<&[u8], &'static str>) -> Facts {
        let mut facts = Facts::default();
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
            for address in referred(&instruction, image.is_relocatable()).into_iter().flatten() {
                if self.is_start(address) {
                    self.taken.insert(address);
                } else if let Some(&string) = image.string(address, STRING_MAX).and_then(|text| wanted.get(text)) {
                    facts.strings.insert(string);
                }
            }
        }
        facts
    }

    fn transfer(&self, range: Range, instruction: &Instruction, target: u64, facts: &mut Facts) {
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

    /// Notes who is called by whom, and which ranges are fragments: entered by jumps only, all from one function, and
    /// conditionally or not at their start. A function that is only jumped to unconditionally at its start, as in a
    /// tail call, stays its own.
    fn relate(&mut self) {
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
                && !self.taken.contains(&fragment)
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

/// Whether an instruction makes a line end the second argument of a call: `mov esi,10`, or `push 10` for `pop rsi`.
#[must_use]
pub fn passes_line_end(instruction: &Instruction) -> bool {
    let operand = match instruction.mnemonic() {
        Mnemonic::Mov if instruction.op0_register() == Register::ESI => 1,
        Mnemonic::Push => 0,
        _ => return false,
    };
    instruction.try_immediate(operand).is_ok_and(|value| value == u64::from(b'\n'))
}

/// Addresses that an instruction names: relative to the instruction pointer, or absolute in a program that is not
/// relocatable.
fn referred(instruction: &Instruction, relocatable: bool) -> [Option<u64>; 2] {
    /// Lowest address worth looking at; smaller immediates are numbers.
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
