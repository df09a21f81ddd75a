//! The documentation's pictures: frames of the live table of the committed capture.
//! `cargo xtask screenshots` writes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod sale;
mod scenes;
mod svg;

use std::path::{Path, PathBuf};

use mctop::{Reader, Source};

/// Set, the files are written instead of compared.
const UPDATE: &str = "UPDATE_PICTURES";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures")
}

fn updates() -> bool {
    std::env::var_os(UPDATE).is_some()
}

#[test]
fn the_committed_capture_is_current() {
    let path = directory().join(sale::FILE);
    if updates() {
        std::fs::create_dir_all(directory()).unwrap();
        sale::write(&path);
    }
    let mut reader = Reader::open(&path).unwrap();
    for expected in sale::intervals() {
        assert!(
            reader.next_recorded().unwrap() == Some(expected),
            "{path:?} is out of date: run cargo xtask screenshots"
        );
    }
    assert!(reader.next_recorded().unwrap().is_none());
}

#[test]
fn the_committed_pictures_are_current() {
    let directory = directory();
    // The two tests may run at the same time, while the capture is being written.
    let capture = tempfile::NamedTempFile::with_suffix(".zst").unwrap();
    sale::write(capture.path());
    let mut names = Vec::new();
    for scene in scenes::SCENES {
        let picture = svg::picture(&scenes::frame(scene, capture.path(), sale::FILE), scene.title);
        let document = roxmltree::Document::parse(&picture).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "svg");
        let name = format!("{}.svg", scene.name);
        let path = directory.join(&name);
        if updates() {
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(&path, &picture).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == picture, "{path:?} is not what is drawn now: run cargo xtask screenshots");
        names.push(name);
    }
    let live = std::fs::read_to_string(directory.join("../live.md")).unwrap();
    for name in &names {
        assert!(live.contains(&format!("(pictures/{name})")), "docs/live.md does not show {name}");
    }
}
