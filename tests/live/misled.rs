//! What mctop is told of a server can be wrong. It is found out before a figure is shown, and does not harm the server.

use std::process::{Command, Stdio};

use mctop::internal::{FoundBy, Point, resolve};
use tempfile::TempDir;

use crate::harmless::{assert_restored, probed_bytes};
use crate::observer::Observer;
use crate::server::{self, Server};
use crate::version::Version;

/// From this version on an item's flags are where mctop looks for those of the server that is made here.
const OTHER_ITEMS_BEFORE: Version = Version([1, 5, 15]);

/// memcached under a version of its own numbering, 1.4 for whatever it is, as forks have them, wherever `before` stands in front
/// of it; and the directory that it is in.
pub fn renumbered(before: &str, version: Version) -> (TempDir, Server) {
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
    // Copied by another process: one that is forked here meanwhile would hold open for writing what must be executed.
    let copied = Command::new("cp").current_dir(&directory).args(["bytes", "memcached"]).status();
    assert!(copied.unwrap().success());
    let executable = Command::new("chmod").current_dir(&directory).args(["755", "memcached"]).status();
    assert!(executable.unwrap().success());
    let mut command = server::command();
    *command.last_mut().unwrap() = format!("{inside}/memcached");
    let server = Server::run(command, &[]);
    (directory, server)
}

#[test]
fn probes_that_do_not_see_what_they_should_are_detached() {
    if !server::possible() {
        return;
    }
    let version = Server::start(&[]).version();
    if version < OTHER_ITEMS_BEFORE {
        println!("LEFT OUT on {version}: a version that lies, which must be true of its items");
        return;
    }
    // By that number its items would be laid out in another way than they are.
    let (directory, server) = renumbered("", version);
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
    for told in [
        &*format!("process {}", server.pid()),
        &format!("memcached {}", server.version()),
        &format!("build-id {}", resolved.build_id.as_deref().unwrap_or("unknown")),
        "of 10 items found, 10 had another key than the one looked up",
        "looked up as \"a-key\" (5 bytes)",
    ] {
        assert!(errors.contains(told), "{told} is not in: {errors}");
    }
    assert_restored(&server, &before);
}

/// Before 1.6.40, memcached passes over spaces in front of a verb. That is no proof of a wrong probe, and must not end the
/// observation.
#[test]
fn requests_behind_spaces_are_some() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    let answers = server.connect().ask(&" get a b c d e f g h\r\n".repeat(10));
    // Longer than an interval, at whose end it is judged.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    server.connect().ask("get a\r\n");
    let document = observer.finish();
    let looked_up = if answers.iter().all(|line| line == "END") { 81 } else { 1 };
    assert_eq!((document.total("calls"), answers.len()), (looked_up, 10));
}

/// A debug file that belongs to the binary by its build-id and names the wrong place cannot mislead mctop: the code of the
/// server itself tells another one.
#[test]
fn symbols_that_contradict_the_code_are_refused() {
    if !server::possible() {
        return;
    }
    let server = Server::start(&[]);
    let before = probed_bytes(&server);
    let resolved = resolve(&server::program()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let forged = directory.path().join("memcached.debug");
    // A function that is not there, at the begin of the code.
    let made = Command::new("objcopy")
        .args(["--add-symbol", "do_item_get=.text:0,function,global"])
        .arg(server::program())
        .arg(&forged)
        .stderr(Stdio::null())
        .status();
    match made {
        Ok(status) => assert!(status.success(), "objcopy: {status}"),
        Err(error) => {
            println!("SKIPPED: objcopy(1), which forges the debug file, cannot be run: {error}");
            return;
        }
    }
    if resolved.build_id.is_none() || resolved.lookups[0].found_by != FoundBy::Recovered {
        println!(
            "LEFT OUT on {}: a debug file, which only what is stripped and has a build-id is given",
            server.version()
        );
        return;
    }
    let said = Command::new(env!("CARGO_BIN_EXE_mctop"))
        .args(["dump", "-d", "1s", "--pid", &server.pid().to_string(), "--debug-file"])
        .arg(&forged)
        .output()
        .unwrap();
    let errors = String::from_utf8(said.stderr).unwrap();
    assert_eq!((said.status.code(), said.stdout.len()), (Some(4), 0), "{errors}");
    assert!(errors.contains("its symbols give do_item_get another address than"), "{errors}");
    assert_restored(&server, &before);
}
