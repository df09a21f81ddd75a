//! Binaries and debug files that lie: mctop notices before it shows a figure, and does not harm the server.

use std::process::{Command, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use mctop::internal::{FoundBy, Point, resolve};
use mctop_test_support::expected::Expected;
use mctop_test_support::observer::Observer;
use mctop_test_support::program::{mctop, refusal, text};
use mctop_test_support::server::{self, Server};
use mctop_test_support::version::{Version, WIDE_ITEM_FLAGS};
use tempfile::TempDir;

use crate::harmless::{assert_restored, probed_bytes};

/// Held to read while a server runs that mctop must refuse, and to write by tests that watch every server of the machine.
pub static REFUSED_SERVERS: RwLock<()> = RwLock::new(());

/// A memcached whose version, where `before` precedes it, is changed to 1.4.x, as forks may have it; the directory that it is
/// in, and the guard of [`REFUSED_SERVERS`].
pub fn renumbered(before: &str, version: Version) -> (RwLockReadGuard<'static, ()>, TempDir, Server) {
    let guard = REFUSED_SERVERS.read().unwrap_or_else(PoisonError::into_inner);
    let (directory, inside) = server::directory();
    let mut bytes = std::fs::read(server::program()).unwrap();
    let number = version.to_string();
    let (known, other) = (format!("{before}{number}"), format!("{before}1.4{}", &number[3..]));
    let mut found = 0;
    for at in 0..bytes.len() - known.len() {
        if bytes[at..].starts_with(known.as_bytes()) {
            bytes[at..at + known.len()].copy_from_slice(other.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "{known} is not in the binary");
    std::fs::write(directory.path().join("bytes"), bytes).unwrap();
    // Copied by another process: a child that is forked here meanwhile would keep the file open for writing, and it could not be executed.
    let copied = Command::new("cp").current_dir(&directory).args(["bytes", "memcached"]).status();
    assert!(copied.unwrap().success());
    let executable = Command::new("chmod").current_dir(&directory).args(["755", "memcached"]).status();
    assert!(executable.unwrap().success());
    let mut command = server::command();
    *command.last_mut().unwrap() = format!("{inside}/memcached");
    let server = Server::run(&command, &[]);
    (guard, directory, server)
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn probes_that_do_not_see_what_they_should_are_detached() {
    let version = Server::start(&[]).version();
    if version < WIDE_ITEM_FLAGS {
        println!("LEFT OUT on {version}: a version that lies, which must be true of its items");
        return;
    }
    // Items of that version have another layout.
    let (_guard, directory, server) = renumbered("", version);
    let before = probed_bytes(&server);
    let resolved = resolve(&directory.path().join("memcached")).unwrap();
    let observer = Observer::start(&server, &[]);
    server.connect().ask(&format!("set a-key 0 0 5\r\nhello\r\n{}", "get a-key\r\n".repeat(10)));
    // It ends by itself, and shows nothing.
    let (code, out, errors) = observer.ended();
    assert_eq!((code, &*out), (Some(4), ""), "{errors}");
    let probe =
        |point: &Point| format!("The {} probe in do_item_get at file offset {:#x}", point.kind.name(), point.offset);
    assert!(resolved.lookups.iter().any(|point| errors.contains(&probe(point))), "{errors}");
    for part in [
        &*format!("process {}", server.pid()),
        &format!("memcached {}", server.version()),
        &format!("build-id {}", resolved.build_id.as_deref().unwrap_or("unknown")),
        "of 10 items found, 10 had another key than the one looked up",
        "looked up as \"a-key\" (5 bytes)",
    ] {
        assert!(errors.contains(part), "{part} is not in: {errors}");
    }
    assert_restored(&server, &before);
}

/// Before `ONE_PARSER`, memcached skips spaces in front of a verb. mctop must not take them for a wrong probe and end the
/// observation.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn requests_with_leading_spaces_are_accepted() {
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    let answers = server.connect().ask(&" get a b c d e f g h\r\n".repeat(10));
    // Longer than an interval, at whose end probes are validated.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    server.connect().ask("get a\r\n");
    let document = observer.finish();
    let looked_up = if answers.iter().all(|line| line == "END") { 81 } else { 1 };
    assert_eq!((document.total("calls"), answers.len()), (looked_up, 10));
}

/// A debug file with the right build-id and a wrong address is refused, because the code of the server contradicts it.
#[test]
#[ignore = "needs root, eBPF, memcached and binutils"]
fn symbols_that_contradict_the_code_are_refused() {
    let resolved = resolve(&server::program()).unwrap();
    let is_stripped = resolved.build_id.is_some() && resolved.lookups[0].found_by == FoundBy::Recovered;
    assert_eq!(is_stripped, Expected::here().stripped);
    if !Expected::has(is_stripped, "a debug file, which only what is stripped and has a build-id is given") {
        return;
    }
    let server = Server::start(&[]);
    let before = probed_bytes(&server);
    let directory = tempfile::tempdir().unwrap();
    let forged = directory.path().join("memcached.debug");
    // A function that is not there, at the start of the code.
    let made = Command::new("objcopy")
        .args(["--add-symbol", "do_item_get=.text:0,function,global"])
        .arg(server::program())
        .arg(&forged)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success(), "objcopy failed");
    let pid = server.pid().to_string();
    let said = refusal(&mut mctop(&["dump", "-d", "1s", "--pid", &pid, "--debug-file", text(&forged)]), 4);
    assert!(said.contains("its symbols give do_item_get another address than"), "{said}");
    assert_restored(&server, &before);
}
