//! The direction of imports: a layer uses lower layers only, and layers of the same height do not use each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod modules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use modules::Crate;

/// The modules of the library by height, the lowest first. The model is the lowest that knows memcached: it is pure, and
/// everything else uses its terms.
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
];

fn height(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| panic!("{module} is in no layer"))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn imports_go_down() {
    let library = Crate::read(&workspace().join("mctop/src"));
    let mut wrong = BTreeSet::new();
    for (user, used, item) in library.uses() {
        if let ([from, ..], [to, ..]) = (user.as_slice(), used.as_slice())
            && from != to
            && height(to) >= height(from)
        {
            wrong.insert(format!("{} uses {}::{}", user.join("::"), used.join("::"), item.unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "these imports go up or sideways:\n{wrong:#?}");
}

/// The modules of a folder depend on each other in one direction only. A folder's own file (`self` below) is one of them: it
/// may call its children, or they may call it, but not both. A child may always name what its parent declares for it to
/// build on: types, traits and constants. Items count where they are declared, not where they are re-exported.
#[test]
fn modules_do_not_depend_on_each_other_in_circles() {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap().iter().map(|member| member.as_str().unwrap());
    let mut circles = BTreeSet::new();
    for member in members.chain(["mctop-ebpf"]) {
        let root = format!("{member}/src");
        let modules = Crate::read(&workspace().join(&root));
        assert!(modules.uses().count() > 0, "nothing was read of {root}");
        circles.extend(modules.circles(&root));
    }
    assert!(circles.is_empty(), "modules that depend on each other in circles:\n{circles:#?}");
}

fn circles(texts: &[(&str, &str)]) -> Vec<String> {
    let texts: BTreeMap<&str, &str> = texts.iter().copied().collect();
    Crate::from_text(|path| texts[path.join("/").as_str()].to_owned()).circles("crate")
}

#[test]
fn circles_are_found() {
    // Between siblings, also through what their parent re-exports, and from further down.
    let root = "mod a; mod b; pub(crate) use b::{Thing as Renamed, other};";
    let uses_a = ("b", "fn other() { crate::a::call() }");
    for text in ["use super::b;", "use crate::{b::Thing};", "fn x() { super::b::other() }", "use super::Renamed;"] {
        assert_eq!(circles(&[("", root), ("a", text), uses_a]), ["crate: a, b"], "{text}");
    }
    assert_eq!(
        circles(&[("", root), ("a", "mod deep;"), ("a/deep", "use super::super::b::other;"), uses_a]),
        ["crate: a, b"]
    );
    // One direction; another crate's module; words, comments and tests.
    for text in ["", "use other::b;", "/* use super::b */", "#[cfg(test)] mod tests { use super::super::b; } fn x() {}"]
    {
        assert_eq!(circles(&[("", root), ("a", text), uses_a]), [""; 0], "{text}");
    }
    // A child that calls its caller, and one that only uses its types.
    let parent = "mod child; struct Type; fn helper() {} fn call() { child::run() }";
    assert_eq!(circles(&[("", parent), ("child", "use super::{Type, helper};")]), ["crate: child, self"]);
    assert_eq!(circles(&[("", parent), ("child", "use super::Type;")]), [""; 0]);
}
