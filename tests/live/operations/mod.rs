//! What each operation shows, cell by cell: one declaration, from which the documentation is written and with which mctop's
//! counts of a real server are compared.

mod binary_table;
pub mod case;
mod document;
mod group;
mod meta;
mod text;

use group::GROUPS;

/// Runs a group of cases.
fn check(name: &str) {
    let group = GROUPS.iter().find(|group| group.name == name).unwrap();
    let wrong = group.run();
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn reads() {
    check("reads");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn stores() {
    check("stores");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn others() {
    check("others");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn uncounted() {
    check("uncounted");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn meta_commands() {
    check("meta");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn binary_requests() {
    check("binary");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn expired_items() {
    check("expired");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn flushed_items() {
    check("flushed");
}
