//! The direction of imports: a layer uses lower layers only, and layers of the same height do not use each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the library by height, the lowest first. The model is the lowest that knows of memcached: it is pure, and
/// everything else speaks in its terms.
const LAYERS: &[&[&str]] = &[
    &["error", "parallel", "yielder"],
    &["model"],
    &["kernel", "text"],
    &["target"],
    &["source"],
    &["probe"],
    &["redact"],
    &["capture", "report"],
    &["doctor"],
    &["config"],
    &["tui"],
    &["cli"],
    &["commands"],
    &["lib", "main"],
];

fn height(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| panic!("{module} is in no layer"))
}

fn sources(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The modules of the library that a text names by `crate::`.
fn named(text: &str) -> BTreeSet<&str> {
    text.split("crate::")
        .skip(1)
        .map(|rest| &rest[..rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len())])
        .filter(|module| !module.is_empty())
        .collect()
}

#[test]
fn imports_go_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 100, "only {} files were read", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        // Tests may use what is built on the module that they test.
        let is_test = |part: &OsStr| matches!(part.to_str(), Some("tests" | "tests.rs" | "readme.rs"));
        if relative.iter().any(is_test) {
            continue;
        }
        let text = fs::read_to_string(file).unwrap();
        for other in named(&text) {
            if root.join(other).exists() || root.join(format!("{other}.rs")).exists() {
                let is_lower = height(other) < height(module);
                if other != module && !is_lower {
                    wrong.push(format!("{} uses crate::{other}", relative.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these imports go up or sideways:\n{}", wrong.join("\n"));
}

#[test]
fn names_are_found_in_text() {
    let text =
        "use crate::model::key::Key;\nlet x = crate::text_layer::fit(crate::error::told(y)); pub(crate) fn f() {}";
    assert_eq!(named(text).into_iter().collect::<Vec<_>>(), ["error", "model", "text_layer"]);
}
