//! Every meta command with every subset of its flags, on a missing, a live, a stale and a won item, with keys of any bytes:
//! what mctop counts must be what memcached answers, and what it adds to its own counters.

mod command;
mod expected;
mod request;
mod run;

use command::Command;

fn check(command: &Command) {
    if !crate::server::possible() {
        return;
    }
    run::all(command);
}

#[test]
fn meta_get() {
    check(&command::GET);
}

#[test]
fn meta_set() {
    check(&command::SET);
}

#[test]
fn meta_delete() {
    check(&command::DELETE);
}

#[test]
fn meta_arithmetic() {
    check(&command::ARITHMETIC);
}
