//! All meta commands with all subsets of their flags, on missing, live, stale and won items, with keys of any bytes: mctop's counts
//! must agree with memcached's answers and counters.

mod command;
mod expected;
mod request;
mod run;

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn all_variants_of_mg_are_counted() {
    run::all(&command::GET);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn all_variants_of_ms_are_counted() {
    run::all(&command::SET);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn all_variants_of_md_are_counted() {
    run::all(&command::DELETE);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn all_variants_of_ma_are_counted() {
    run::all(&command::ARITHMETIC);
}
