//! Function ranges and frames from `.eh_frame`, which survives stripping.

use gimli::{BaseAddresses, CfaRule, CieOrFde, EhFrame, LittleEndian, UnwindContext, UnwindSection, X86_64};

use super::{Image, Sections};
use crate::target::code::Range;

/// Most frame descriptions that are read; the largest memcached has some two thousand.
const FRAMES_MAX: usize = 1 << 20;

/// Where a function's frame is at one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The register the frame is found from, in the processor's encoding order: 4 (`rsp`) or 5 (`rbp`).
    pub register: u8,
    /// What to add to it for the address above the return address.
    pub offset: i64,
}

/// The unwind table of a file.
#[derive(Debug)]
pub struct Unwind<'a> {
    frames: EhFrame<gimli::EndianSlice<'a, LittleEndian>>,
    bases: BaseAddresses,
    functions: Vec<Range>,
}

impl<'a> Unwind<'a> {
    /// Reads the table; none when there is no `.eh_frame` or no function in it.
    #[must_use]
    pub fn read(image: &'a Image) -> Option<Self> {
        let sections = Sections::read(image)?;
        let section = sections.by_name(".eh_frame")?;
        let mut bases = BaseAddresses::default().set_eh_frame(section.address);
        if let Some(text) = sections.by_name(".text") {
            bases = bases.set_text(text.address);
        }
        let mut frames = EhFrame::new(section.bytes, LittleEndian);
        frames.set_address_size(8);
        let mut functions = Vec::new();
        let mut entries = frames.entries(&bases);
        // A damaged entry ends the walk: what follows it cannot be found.
        while let Ok(Some(entry)) = entries.next() {
            let CieOrFde::Fde(partial) = entry else { continue };
            let Ok(fde) = partial.parse(EhFrame::cie_from_offset) else { continue };
            let (start, length) = (fde.initial_address(), fde.len());
            let Some(end) = start.checked_add(length) else { continue };
            if length > 0 && image.is_executable(start) && image.is_executable(end - 1) {
                functions.push(Range { start, end });
            }
            if functions.len() >= FRAMES_MAX {
                break;
            }
        }
        functions.sort_unstable();
        functions.dedup();
        // Overlapping ranges have no meaning; keeping the first keeps the walk over them linear in the file's size.
        let mut last = 0;
        functions.retain(|range| {
            let keep = range.start >= last;
            if keep {
                last = range.end;
            }
            keep
        });
        (!functions.is_empty()).then_some(Self { frames, bases, functions })
    }

    /// Ranges of functions and of the fragments compilers split off them, ascending and disjoint.
    #[must_use]
    pub fn functions(&self) -> &[Range] {
        &self.functions
    }

    /// The frame at an instruction, when it is found from `rsp` or `rbp` by a plain offset.
    #[must_use]
    pub fn frame_at(&self, address: u64) -> Option<Frame> {
        let mut context = UnwindContext::new();
        let row =
            self.frames.unwind_info_for_address(&self.bases, &mut context, address, EhFrame::cie_from_offset).ok()?;
        let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else { return None };
        // The return address must be where calls put it: at the top of the frame, not moved.
        let saved = row.register(X86_64::RA);
        if !matches!(saved, gimli::RegisterRule::Offset(-8)) {
            return None;
        }
        let register = match register {
            X86_64::RSP => 4,
            X86_64::RBP => 5,
            _ => return None,
        };
        Some(Frame { register, offset })
    }
}
