//! Every meta command with every subset of its flags, on a missing, a live, a stale and a won item, with keys of any bytes:
//! what mctop counts must be what memcached answers, and what it adds to its own counters.

mod command;
mod expected;
mod request;
mod run;

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn meta_get() {
    run::all(&command::GET);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn meta_set() {
    run::all(&command::SET);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn meta_delete() {
    run::all(&command::DELETE);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn meta_arithmetic() {
    run::all(&command::ARITHMETIC);
}
