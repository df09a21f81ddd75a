//! Tries the sources of symbols in order, until one has `do_item_get`.

use object::elf;

use super::separate::{self, DebugFileFinder, SeparateDebugFile};
use super::{REQUIRED, Symbols, debugdata};
use crate::error::Failure;
use crate::model::probe_point::FoundBy;
use crate::target::elf::{DebugFile, Image, Sections};
use crate::target::options::ResolveOptions;
use crate::target::steps::{SearchStep, SymbolSource};

/// The symbol sources of a binary.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    image: &'a Image,
    finder: DebugFileFinder,
    user_file: Option<SeparateDebugFile>,
}

/// The result of searching all sources for symbols.
#[derive(Debug, Default)]
pub(crate) struct SymbolSearch {
    /// The symbols of the first source that has `do_item_get`, else of the first that has any wanted function.
    pub symbols: Option<Symbols>,
    /// The result of each source that was tried.
    pub steps: Vec<SearchStep>,
}

impl<'a> Sources<'a> {
    /// The sources for a binary.
    ///
    /// # Errors
    /// A [`Failure`] if the user's debug file does not belong to the binary.
    pub(crate) fn new(image: &'a Image, options: &ResolveOptions) -> Result<Self, Failure> {
        let user_file = options.debug_file.as_deref().map(|path| separate::user_debug_file(image, path)).transpose()?;
        Ok(Self { image, finder: DebugFileFinder::new(options), user_file })
    }

    /// Tries the sources in order.
    pub(crate) fn find(&self) -> SymbolSearch {
        let mut found = SymbolSearch::default();
        for source in [
            SymbolSource::Symtab,
            SymbolSource::Dynsym,
            SymbolSource::Debugdata,
            SymbolSource::Debuglink,
            SymbolSource::BuildId,
            SymbolSource::DebugFile,
        ] {
            let (outcome, symbols) = match self.read(source) {
                Ok((symbols, origin)) => (format!("{}{origin}", summary(&symbols)), Some(symbols)),
                Err(reason) => (reason, None),
            };
            let complete = symbols.as_ref().is_some_and(Symbols::has_required);
            found.steps.push(SearchStep { source, found: complete, outcome });
            if complete {
                found.symbols = symbols;
                break;
            }
            found.symbols = found.symbols.or(symbols.filter(|symbols| !symbols.functions.is_empty()));
        }
        found
    }

    /// The symbols of one source, and their origin, to be appended to a clause.
    fn read(&self, source: SymbolSource) -> Result<(Symbols, String), String> {
        let own = |kind, found_by| {
            let sections = Sections::read(self.image).ok_or("there are no section headers")?;
            Ok((Symbols::of_table(&sections, kind, found_by).ok_or("there is none")?, String::new()))
        };
        let separate = |separate: &SeparateDebugFile| {
            let origin = format!(", in {}: {}", separate.path.display(), separate.proof);
            let symbols = of_file(&separate.file, FoundBy::Debuglink);
            Ok((symbols.map_err(|reason| format!("{}: {reason}", separate.path.display()))?, origin))
        };
        match source {
            SymbolSource::Symtab => own(elf::SHT_SYMTAB, FoundBy::Symtab),
            SymbolSource::Dynsym => own(elf::SHT_DYNSYM, FoundBy::Dynsym),
            SymbolSource::Debugdata => {
                let file = debugdata::read(self.image)?;
                Ok((of_file(&file, FoundBy::Debugdata)?, String::new()))
            }
            SymbolSource::Debuglink => separate(&self.finder.by_link(self.image)?),
            SymbolSource::BuildId => separate(&self.finder.by_build_id(self.image)?),
            SymbolSource::DebugFile => separate(self.user_file.as_ref().ok_or("none was given")?),
            SymbolSource::Recovery => Err("it does not need symbols".into()),
        }
    }
}

fn of_file(file: &DebugFile, found_by: FoundBy) -> Result<Symbols, String> {
    let sections = file.sections().ok_or("its section headers are damaged")?;
    Symbols::of_table(&sections, elf::SHT_SYMTAB, found_by).ok_or_else(|| "it has no symbol table".into())
}

/// What a table contains, as a clause.
fn summary(symbols: &Symbols) -> String {
    let missing = if symbols.has_required() { String::new() } else { format!(", but not {REQUIRED}") };
    match symbols.functions.len() {
        0 => format!("it does not contain {REQUIRED}"),
        several => format!("it contains {several} of the functions{missing}"),
    }
}
