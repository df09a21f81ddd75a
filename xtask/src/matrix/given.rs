//! memcached binaries that are given by their paths: old releases, builds of a distribution.
//!
//! Copies of them are tried, so that killing what the tests started cannot affect a server that runs the original.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::build::strip;
use super::live::Memcached;
use super::subject::{BinaryOrigin, TestSubject};
use crate::process;

/// Copies binaries into a directory below `below` and makes subjects of them.
pub fn subjects(paths: &[PathBuf], below: &Path) -> Result<Vec<TestSubject>> {
    let mut subjects: Vec<TestSubject> = Vec::new();
    for path in paths {
        let subject = subject(path, below)?;
        if subjects.iter().any(|other| other.name == subject.name) {
            bail!("two binaries are called {}; give one of them another name", subject.name);
        }
        subjects.push(subject);
    }
    Ok(subjects)
}

fn subject(path: &Path, below: &Path) -> Result<TestSubject> {
    let name = path.file_name().with_context(|| format!("{} is no file", path.display()))?;
    let name = name.to_string_lossy().into_owned();
    if name.chars().any(char::is_whitespace) {
        bail!("there is white space in the name of {}; copy it to another", path.display());
    }
    let directory = below.join("given").join(&name);
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let copy = directory.join("memcached");
    // An earlier copy may be running.
    fs::remove_file(&copy).or_else(|error| if copy.exists() { Err(error) } else { Ok(()) })?;
    fs::copy(path, &copy).with_context(|| format!("cannot copy {}", path.display()))?;
    let (has_symbols, compilers) = describe(&copy)?;
    let (file, kind, twin) = if has_symbols {
        let stripped = directory.join("memcached.stripped");
        strip(&copy, &stripped)?;
        (stripped, BinaryOrigin::Stripped, Some(copy))
    } else {
        (copy, BinaryOrigin::Given, None)
    };
    Ok(TestSubject {
        version: version(&file)?,
        origin: format!("{name}, {compilers}"),
        name,
        kind,
        memcached: Memcached { start: vec![file.display().to_string()], file },
        twin,
        expected: None,
    })
}

/// Whether a file has symbols of functions, and the compilers that it names.
fn describe(file: &Path) -> Result<(bool, String)> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let elf = object::File::parse(&*bytes).with_context(|| format!("cannot parse {}", file.display()))?;
    let has_symbols = elf.symbols().any(|symbol| symbol.is_definition() && symbol.kind() == SymbolKind::Text);
    let comment = elf.section_by_name(".comment").and_then(|section| section.data().ok()).unwrap_or_default();
    Ok((has_symbols, compilers(comment)))
}

/// The compilers in a section `.comment`, each once.
fn compilers(comment: &[u8]) -> String {
    let mut compilers: Vec<String> = Vec::new();
    for text in comment.split(|byte| *byte == 0).filter(|text| !text.is_empty()) {
        let text = String::from_utf8_lossy(text).into_owned();
        if !compilers.contains(&text) {
            compilers.push(text);
        }
    }
    if compilers.is_empty() { "which names no compiler".into() } else { compilers.join(" and ") }
}

/// The version in a memcached's help.
fn version(file: &Path) -> Result<String> {
    let said = process::probe(Command::new(file).arg("-h"));
    let first = said.as_deref().and_then(|said| said.lines().next()).unwrap_or_default();
    let version = first.strip_prefix("memcached ").map(str::trim).filter(|version| !version.is_empty());
    version
        .map(str::to_owned)
        .with_context(|| format!("{} does not run here as a memcached: it answers -h by {first:?}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_of_a_comment() {
        assert_eq!(compilers(b"GCC: (Debian) 12\0clang 14\0GCC: (Debian) 12\0"), "GCC: (Debian) 12 and clang 14");
        assert_eq!(compilers(b""), "which names no compiler");
    }

    #[test]
    fn a_binary_with_symbols_is_tried_without() {
        // This program is no memcached, but has symbols.
        let own = std::env::current_exe().unwrap();
        assert!(describe(&own).unwrap().0);
        let below = tempfile::tempdir().unwrap();
        let refused = subjects(&[own], below.path()).unwrap_err();
        assert!(format!("{refused:#}").contains("does not run here as a memcached"), "{refused:#}");
        assert!(subjects(&["/".into()], below.path()).is_err());
    }
}
