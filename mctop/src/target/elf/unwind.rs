//! Reads function ranges and stack frames from `.eh_frame`, which survives stripping.

use gimli::{BaseAddresses, CfaRule, CieOrFde, EhFrame, LittleEndian, UnwindContext, UnwindSection, X86_64};

use super::{Image, Sections};
use crate::target::code::Range;

/// At most this many frame descriptions are read; the largest memcached has about two thousand.
const FRAMES_MAX: usize = 1 << 20;

/// Where the stack frame of a function is at one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The register from which the frame is addressed, in the processor's encoding order: 4 (`rsp`) or 5 (`rbp`).
    pub register: u8,
    /// Offset from the register to the address above the return address.
    pub offset: i64,
}

/// The unwind table of a file.
#[derive(Debug)]
pub(crate) struct Unwind<'a> {
    frames: EhFrame<gimli::EndianSlice<'a, LittleEndian>>,
    bases: BaseAddresses,
    functions: Vec<Range>,
}

impl<'a> Unwind<'a> {
    /// Reads the table; `None` if there is no `.eh_frame` or it describes no functions.
    #[must_use]
    pub(crate) fn read(image: &'a Image) -> Option<Self> {
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
        // After a damaged entry, the next one cannot be found.
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
        // Overlapping ranges are invalid. Keeping only the first bounds the work by the size of the file.
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

    /// Ranges of functions and of the fragments that compilers split off them, ascending and disjoint.
    #[must_use]
    pub(crate) fn functions(&self) -> &[Range] {
        &self.functions
    }

    /// The frame at an instruction, if it is at a constant offset from `rsp` or `rbp`.
    #[must_use]
    pub(crate) fn frame_at(&self, address: u64) -> Option<Frame> {
        let mut context = UnwindContext::new();
        let row =
            self.frames.unwind_info_for_address(&self.bases, &mut context, address, EhFrame::cie_from_offset).ok()?;
        let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else { return None };
        // The return address must still be where the call put it, at the top of the frame.
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
