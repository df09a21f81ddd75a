//! Reads function ranges and the places of return addresses from `.eh_frame`, which survives stripping.

use gimli::{BaseAddresses, CfaRule, CieOrFde, EhFrame, LittleEndian, UnwindContext, UnwindSection, X86_64};
use mctop_common::records::Operand;

use super::{AddressRange, Image, Sections};

/// At most this many frame descriptions are read; the largest memcached has about two thousand.
const FRAMES_MAX: usize = 1 << 20;

/// The unwind table of a file.
#[derive(Debug)]
pub(crate) struct Unwind<'a> {
    frames: EhFrame<gimli::EndianSlice<'a, LittleEndian>>,
    bases: BaseAddresses,
    functions: Vec<AddressRange>,
}

impl<'a> Unwind<'a> {
    /// Reads the table; `None` if there is no `.eh_frame` or it describes no functions.
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
                functions.push(AddressRange { start, end });
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
    pub(crate) fn functions(&self) -> &[AddressRange] {
        &self.functions
    }

    /// Where the return address of a function is at an instruction, if it is at a constant offset from `rsp` or `rbp`.
    ///
    /// # Errors
    /// That it is not, as a clause.
    pub(crate) fn return_slot(&self, address: u64) -> Result<Operand, String> {
        let mut context = UnwindContext::new();
        let slot = self.frames.unwind_info_for_address(&self.bases, &mut context, address, EhFrame::cie_from_offset);
        let slot = slot.ok().and_then(|row| {
            let CfaRule::RegisterAndOffset { register, offset } = *row.cfa() else { return None };
            // The return address must still be where the call put it, at the top of the frame.
            if !matches!(row.register(X86_64::RA), gimli::RegisterRule::Offset(-8)) {
                return None;
            }
            // Registers in the processor's encoding order.
            let register = match register {
                X86_64::RSP => 4,
                X86_64::RBP => 5,
                _ => return None,
            };
            Some(Operand::memory(register, offset.checked_sub(8)?.try_into().ok()?))
        });
        slot.ok_or_else(|| format!("the unwind table does not say where the return address is at {address:#x}"))
    }
}
