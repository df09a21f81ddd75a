//! What each operation shows, cell by cell: one declaration, from which the documentation is written and against which a
//! real server is watched.

mod binary_table;
pub mod case;
mod document;
mod group;
mod meta;
mod text;

use crate::server;
use group::GROUPS;

/// Runs a group of cases, unless no live test can run here.
fn check(name: &str) {
    if !server::possible() {
        return;
    }
    let group = GROUPS.iter().find(|group| group.name == name).unwrap();
    let wrong = group.run();
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn reads() {
    check("reads");
}

#[test]
fn stores() {
    check("stores");
}

#[test]
fn others() {
    check("others");
}

#[test]
fn uncounted() {
    check("uncounted");
}

#[test]
fn meta_commands() {
    check("meta");
}

#[test]
fn binary_requests() {
    check("binary");
}

#[test]
fn expired_items() {
    check("expired");
}

#[test]
fn flushed_items() {
    check("flushed");
}
