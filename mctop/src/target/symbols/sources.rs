//! The sources of symbols, tried in their order until one names `do_item_get`.

use object::elf;

use super::separate::{self, Places, Separate};
use super::{REQUIRED, Symbols, debugdata};
use crate::error::Failure;
use crate::target::elf::{DebugFile, Image, Sections};
use crate::target::options::Options;
use crate::target::points::FoundBy;
use crate::target::steps::{Source, Step};

/// Finds symbols.
#[derive(Debug)]
pub struct Sources<'a> {
    image: &'a Image,
    places: Places,
    given: Option<Separate>,
}

/// What the sources gave.
#[derive(Debug, Default)]
pub struct Found {
    /// The symbols of the first source that names `do_item_get`, else of the first that names anything wanted.
    pub symbols: Option<Symbols>,
    /// What came of each source that was tried.
    pub steps: Vec<Step>,
}

impl<'a> Sources<'a> {
    /// The sources for a binary.
    ///
    /// # Errors
    /// A [`Failure`] when the user names a debug file that does not belong to it.
    pub fn new(image: &'a Image, options: &Options) -> Result<Self, Failure> {
        let given = options.debug_file.as_deref().map(|path| separate::given(image, path)).transpose()?;
        Ok(Self { image, places: Places::new(options), given })
    }

    /// Tries them.
    #[must_use]
    pub fn find(&self) -> Found {
        let mut found = Found::default();
        for source in
            [Source::Symtab, Source::Dynsym, Source::Debugdata, Source::Debuglink, Source::BuildId, Source::DebugFile]
        {
            let (outcome, symbols) = match self.read(source) {
                Ok((symbols, origin)) => (format!("{}{origin}", named(&symbols)), Some(symbols)),
                Err(reason) => (reason, None),
            };
            let complete = symbols.as_ref().is_some_and(Symbols::name_required);
            found.steps.push(Step { source, found: complete, outcome });
            if complete {
                found.symbols = symbols;
                break;
            }
            found.symbols = found.symbols.or(symbols.filter(|symbols| !symbols.functions.is_empty()));
        }
        found
    }

    /// The symbols of one source, and where they are from, to follow in a sentence.
    fn read(&self, source: Source) -> Result<(Symbols, String), String> {
        let own = |kind, found_by| {
            let sections = Sections::read(self.image).ok_or("there are no section headers")?;
            Ok((Symbols::of_table(&sections, kind, found_by).ok_or("there is none")?, String::new()))
        };
        let separate = |separate: &Separate| {
            let origin = format!(", in {}: {}", separate.path.display(), separate.proof);
            let symbols = of_file(&separate.file, FoundBy::Debuglink);
            Ok((symbols.map_err(|reason| format!("{}: {reason}", separate.path.display()))?, origin))
        };
        match source {
            Source::Symtab => own(elf::SHT_SYMTAB, FoundBy::Symtab),
            Source::Dynsym => own(elf::SHT_DYNSYM, FoundBy::Dynsym),
            Source::Debugdata => {
                let file = debugdata::read(self.image)?;
                Ok((of_file(&file, FoundBy::Debugdata)?, String::new()))
            }
            Source::Debuglink => separate(&self.places.by_link(self.image)?),
            Source::BuildId => separate(&self.places.by_build_id(self.image)?),
            Source::DebugFile => separate(self.given.as_ref().ok_or("none was given")?),
            Source::Recovery => Err("it needs no symbols".into()),
        }
    }
}

fn of_file(file: &DebugFile, found_by: FoundBy) -> Result<Symbols, String> {
    let sections = file.sections().ok_or("its section headers are damaged")?;
    Symbols::of_table(&sections, elf::SHT_SYMTAB, found_by).ok_or_else(|| "it has no symbol table".into())
}

/// What a table names, as a clause.
fn named(symbols: &Symbols) -> String {
    let missing = if symbols.name_required() { String::new() } else { format!(", and not {REQUIRED}") };
    match symbols.functions.len() {
        0 => format!("it does not name {REQUIRED}"),
        several => format!("it names {several} of the functions{missing}"),
    }
}
