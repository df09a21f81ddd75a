//! The sites that are used where the exact one is not proved, on a server that has all of them: every count is right except
//! for what each site is documented not to know.

use std::collections::HashMap;
use std::thread::{self, sleep};
use std::time::Duration;

use mctop::internal::{ProbeKind, SiteKind, SitePreference, accuracy, returns};
use mctop::{Counts, Live, ProbeSettings, RecordedInterval, Selection, Source};
use mctop_test_support::expected::{Expected, Site};
use mctop_test_support::server::Server;
use mctop_test_support::version::{GET_AND_TOUCH, META, META_LENGTH};

/// Probes on one kind of site only.
fn watch(server: &Server, site: SiteKind) -> Live {
    let selection = Selection { pids: vec![server.pid()], site: SitePreference::Only(site), ..Selection::default() };
    let live = Live::attach(&selection, &ProbeSettings { memory: 1000, ..ProbeSettings::default() }).unwrap();
    let target = &live.header().targets[0];
    let is_said = |what: &str| target.notes.iter().any(|note| note.contains(what));
    assert_eq!(is_said("so expired and flushed items count as hits"), site == SiteKind::Early);
    assert_eq!(is_said("at the entry and the return"), site == SiteKind::EntryAndReturn);
    let (commands, lookups): (Vec<_>, Vec<_>) =
        target.probes.iter().partition(|probe| probe.name == ProbeKind::Command);
    assert!(lookups.iter().all(|probe| probe.site == Some(site)));
    // The note on the binary protocol is there exactly where there is a command probe, which the site at entry and return always
    // needs.
    assert_eq!(is_said(&accuracy::binary_requests()), !commands.is_empty(), "{:?}", target.notes);
    assert!(site != SiteKind::EntryAndReturn || !commands.is_empty(), "{:?}", target.probes);
    live
}

/// What was counted since the last call, by key.
fn counted(live: &mut Live) -> HashMap<String, Counts> {
    let RecordedInterval { interval, records } = live.next_recorded().unwrap().unwrap();
    assert!(!interval.loss.any(), "{:?}", interval.loss);
    records.iter().map(|record| (record.key.as_str().unwrap().to_owned(), record.counts)).collect()
}

/// The counts of [`drive`], and which of its commands this memcached has.
struct Driven {
    keys: HashMap<String, Counts>,
    has_gat: bool,
    has_meta: bool,
}

/// Sends every verb, and looks up expired and flushed items.
fn drive(site: SiteKind) -> Option<Driven> {
    let is_exact = Expected::here().site == Site::Exact;
    if site == SiteKind::Exact && !Expected::has(is_exact, "the exact site, which is not proved") {
        return None;
    }
    let server = Server::start_without_crawler();
    let (has_gat, has_meta) = (server.has(GET_AND_TOUCH, "gat"), server.has(META, "meta commands"));
    let mut client = server.connect();
    client.ask("set expiring 0 1 2\r\nhi\r\nset flushed 0 0 2\r\nhi\r\n");
    sleep(Duration::from_millis(2100));
    let mut live = watch(&server, site);
    let before = server.stats();
    // Before any store, which would make the server search for expired items.
    client.ask("get expiring\r\n");
    client.ask("set a 0 0 10\r\n0123456789\r\nget a\r\nget a a absent\r\n");
    if has_gat {
        client.ask("gat 100 a\r\n");
    }
    if has_meta {
        // How the length of the value is written.
        let length = if server.version() >= META_LENGTH { "" } else { "S" };
        client.ask(&format!("mg a v\r\nmg a t\r\nms m {length}3\r\nabc\r\nmd m\r\nma n N0 J5\r\nma n\r\n"));
    }
    client.ask("incr n 1\r\ndecr absent 1\r\ntouch a 0\r\n");
    client.ask("add a 0 0 1\r\nx\r\nappend a 0 0 3\r\nxyz\r\ncas a 0 0 1 1\r\nx\r\ndelete a\r\ndelete a\r\n");
    client.ask("flush_all\r\n");
    sleep(Duration::from_millis(1100));
    client.ask("get flushed\r\n");
    let after = server.stats();
    let mut keys = counted(&mut live);
    let outcome = keys.remove("flushed").unwrap();
    if site != SiteKind::Early {
        let sum = |of: fn(&Counts) -> u64| keys.values().map(of).sum::<u64>() + of(&outcome);
        // memcached counts a gat as a touch only.
        assert_eq!(sum(|counts| counts.hits), after["get_hits"] - before["get_hits"] + u64::from(has_gat));
        assert_eq!(sum(|counts| counts.misses), after["get_misses"] - before["get_misses"]);
    }
    keys.insert("flushed".into(), outcome);
    Some(Driven { keys, has_gat, has_meta })
}

/// Asserts the counts that are the same at all sites; returns the keys.
fn assert_common(driven: Driven) -> HashMap<String, Counts> {
    let Driven { keys, has_gat, has_meta } = driven;
    let (gat, meta) = (u64::from(has_gat), u64::from(has_meta));
    let a = Counts {
        hits: 3 + gat + 2 * meta,
        sets: 4,
        deletes: 2,
        delete_hits: 1,
        other: 1,
        other_hits: 1,
        // get, twice in one get, gat, and the mg that asks for the value.
        bytes_out: (3 + gat + meta) * 10,
        bytes_in: 10 + 1 + 3 + 1,
        ..Counts::default()
    };
    assert_eq!(keys["a"], a);
    assert_eq!(keys["absent"], Counts { misses: 1, other: 1, ..Counts::default() });
    if has_meta {
        assert_eq!(keys["m"], Counts { sets: 1, deletes: 1, delete_hits: 1, bytes_in: 3, ..Counts::default() });
    }
    // ma misses and creates it, then ma and incr find it.
    assert_eq!(keys["n"], Counts { other: 1 + 2 * meta, other_hits: 2 * meta, ..Counts::default() });
    assert_eq!(keys.len(), if has_meta { 6 } else { 5 }, "{keys:?}");
    keys
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn the_exact_site_knows_why_lookups_miss() {
    let Some(driven) = drive(SiteKind::Exact) else { return };
    let keys = assert_common(driven);
    assert_eq!(keys["expiring"], Counts { misses: 1, expired: 1, ..Counts::default() });
    assert_eq!(keys["flushed"], Counts { misses: 1, flushed: 1, ..Counts::default() });
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn the_early_site_counts_expired_items_as_hits() {
    let Some(driven) = drive(SiteKind::Early) else { return };
    let keys = assert_common(driven);
    for key in ["expiring", "flushed"] {
        assert_eq!(keys[key], Counts { hits: 1, bytes_out: 2, ..Counts::default() }, "{key}");
    }
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn entry_and_return_do_not_know_why_lookups_miss() {
    let Some(driven) = drive(SiteKind::EntryAndReturn) else { return };
    let keys = assert_common(driven);
    for key in ["expiring", "flushed"] {
        assert_eq!(keys[key], Counts { misses: 1, ..Counts::default() }, "{key}");
    }
}

/// Puts this thread and its children under a seccomp filter that kills at the system call that some kernels make at probed returns,
/// as filters do that allow a list of system calls only.
fn forbid_return_probes() {
    const URETPROBE: u32 = 335;
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut filter = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, URETPROBE),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: system calls for this thread alone, with a filter that outlives them.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program), 0);
    }
}

/// Kernels differ in whether probed returns pass seccomp filters, which mctop finds out by trying.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_server_under_seccomp_survives() {
    let start = || {
        forbid_return_probes();
        Server::start(&[])
    };
    let server = thread::spawn(start).join().unwrap();
    let mut client = server.connect();
    client.ask("set a 0 0 1\r\nx\r\n");
    let tried = returns::return_probe_method().unwrap();
    println!("on this kernel: {tried:?}");
    let site = SitePreference::Only(SiteKind::EntryAndReturn);
    let selection = Selection { pids: vec![server.pid()], site, ..Selection::default() };
    match Live::attach(&selection, &ProbeSettings { memory: 1000, ..ProbeSettings::default() }) {
        Ok(mut live) => {
            assert!(tried.passes_seccomp);
            client.ask("get a\r\nget b\r\n");
            let keys = counted(&mut live);
            assert_eq!((keys["a"].hits, keys["b"].misses), (1, 1));
        }
        Err(error) => {
            assert!(!tried.passes_seccomp, "{error:#}");
            assert!(format!("{error:#}").contains("under seccomp (mode 2)"), "{error:#}");
        }
    }
    assert_eq!(client.ask("get a\r\n"), ["VALUE a 0 1", "x", "END"]);
}
