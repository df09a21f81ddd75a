//! Servers that run in unusual ways are found, distinguished and traced.

use std::path::Path;

use mctop_test_support::observer::Observer;
use mctop_test_support::program::{mctop_path, prepared, refusal, run, said};
use mctop_test_support::requirements::LOADER;
use mctop_test_support::server::{MEMCACHED, Server};
use serde_json::Value;

use crate::entry;

/// The doctor's entry of a server, which must be traceable.
fn traced(server: &Server) -> Value {
    let pid = server.pid().to_string();
    let said = run(&["doctor", "--json", "--pid", &pid]);
    assert_eq!((said.code, &*said.err), (0, ""), "{said:?}");
    let document = said.document();
    assert_eq!(document["verdict"], "works");
    assert_eq!(document["kernel"]["attach_cookies"], true);
    let entry = entry(&document, server.pid()).clone();
    let probes = entry["tracing"]["probes"].as_array().unwrap();
    // Requests are read at the lookup.
    assert_eq!(probes.len(), 1, "{probes:#?}");
    let probe = &probes[0];
    assert_eq!(probe["name"], "lookup");
    assert!(probe["proof"].as_array().unwrap().len() >= 2, "{probe:#}");
    assert!(probe["proof"].to_string().contains("The request is read at the lookup"), "{probe:#}");
    assert!(probe["offset"].as_u64().unwrap() > 0 && probe["instruction"] != "", "{probe:#}");
    assert!(entry["listen"].to_string().contains(&format!(":{}", server.port())), "{entry:#}");
    entry
}

/// Asserts that requests to the server are counted correctly.
fn counted(server: &Server) {
    let observer = Observer::start(server, &[]);
    server.connect().ask("set hot 0 0 5\r\nvalue\r\nget hot\r\nget hot none\r\ndelete hot\r\nget hot\r\n");
    let document = observer.finish();
    for (key, field, count) in
        [("hot", "hits", 2), ("hot", "misses", 1), ("hot", "sets", 1), ("hot", "deletes", 1), ("none", "misses", 1)]
    {
        assert_eq!(document.key(key)[field], count, "{field} of {key} in {:#}", document.0);
    }
    assert_eq!((document.total("calls"), &document.key("hot")["size"]), (6, &5.into()));
    document.assert_nothing_lost();
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_stock_server_is_traced() {
    let server = Server::start(&[]);
    let entry = traced(&server);
    counted(&server);
    assert_eq!((&entry["user"], &entry["uid"]), (&"nobody".into(), &65_534.into()));
    assert_eq!(entry["namespaces"], Value::Array(Vec::new()));
    assert_eq!((&entry["deleted"], &entry["inner_pid"]), (&false.into(), &Value::Null));
    println!("resolved in {} ms", entry["resolution_ms"]);

    let proof =
        entry["tracing"]["probes"][0]["proof"][0].as_str().unwrap().split(' ').take(4).collect::<Vec<_>>().join(" ");
    for (arguments, proves) in [(&["doctor"][..], false), (&["doctor", "-v"], true)] {
        let said = run(arguments);
        assert_eq!(said.code, 0, "{said:?}");
        for part in ["Tracing works", "CAP_SYS_PTRACE", "do_item_get", "file offset", "emulated", "resolved"] {
            assert!(said.out.contains(part), "{part} is not in {}", said.out);
        }
        assert_eq!(said.out.contains(&proof), proves, "{}", said.out);
    }
    let said = run(&["doctor"]);
    assert!(said.out.contains(&format!("process {}: memcached 1.", server.pid())), "{}", said.out);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn two_of_one_binary_are_resolved_once() {
    let (first, second) = (Server::start(&[]), Server::start(&[]));
    let (a, b) = (first.pid().to_string(), second.pid().to_string());
    let document = run(&["doctor", "--json", "--pid", &a, "--pid", &b]).document();
    let [first, second] = [first.pid(), second.pid()].map(|pid| entry(&document, pid));
    let (early, late) = if first["pid"].as_u64() < second["pid"].as_u64() { (first, second) } else { (second, first) };
    assert_eq!(early["same_binary_as"], Value::Null);
    assert_eq!(late["same_binary_as"], early["pid"]);
    assert_eq!(late["resolution_ms"], early["resolution_ms"]);
    assert_eq!(late["tracing"], early["tracing"]);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_server_in_its_own_namespaces_is_traced() {
    let script = format!("ip link set lo up && exec {MEMCACHED} \"$@\"");
    let unshare = ["unshare", "--mount", "--pid", "--net", "--fork", "--mount-proc", "sh", "-c", &script, "sh"];
    let server = Server::run(&unshare, &[]);
    let entry = traced(&server);
    counted(&server);
    assert_eq!(entry["namespaces"], serde_json::json!(["mnt", "pid", "net"]));
    assert_eq!(entry["inner_pid"], 1);
    let by_port = run(&["doctor", "--json", "--port", &server.port().to_string()]);
    assert_eq!(by_port.document()["servers"][0]["pid"], server.pid());
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn a_renamed_and_then_deleted_binary_is_traced() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("cache-server");
    std::fs::copy(MEMCACHED, &copy).unwrap();
    let server = Server::run(&[&copy], &[]);
    let path = copy.to_str().unwrap();
    let entry = traced(&server);
    assert_eq!((&entry["binary"], &entry["deleted"]), (&path.into(), &false.into()));
    std::fs::remove_file(&copy).unwrap();
    let entry = traced(&server);
    assert_eq!((&entry["binary"], &entry["deleted"]), (&path.into(), &true.into()));
    counted(&server);
    // Another file gets its name.
    std::fs::copy("/bin/true", &copy).unwrap();
    assert_eq!(traced(&server)["deleted"], true);
    counted(&server);
}

#[test]
#[ignore = "needs root, eBPF, memcached and glibc's loader"]
fn a_server_started_through_the_loader_is_traced() {
    counted(&Server::run(&[LOADER, MEMCACHED], &[]));
    let server = Server::run(&[LOADER, MEMCACHED], &["-B", "binary"]);
    let entry = traced(&server);
    assert_eq!(entry["binary"], Path::new(MEMCACHED).canonicalize().unwrap().to_str().unwrap());
    assert_eq!(entry["options"]["protocol"], "binary");
    // Requests are read at lookups, so the binary protocol is no limit.
    assert_eq!(entry["tracing"]["limits"], Value::Array(Vec::new()));
}

#[test]
#[ignore = "needs root"]
fn a_host_without_memcached_is_explained() {
    let unshare = ["--pid", "--mount-proc", "--fork", mctop_path(), "doctor"];
    let document = said(prepared("unshare").args(unshare).arg("--json")).document();
    assert_eq!((&document["exit_code"], &document["verdict"]), (&4.into(), &"no_target".into()));
    let dump = ["--pid", "--mount-proc", "--fork", mctop_path(), "dump", "-d", "1ms"];
    let paragraph = refusal(prepared("unshare").args(dump), 4);
    assert!(paragraph.contains("No memcached server was found") && paragraph.contains("Start one"), "{paragraph}");
    let said = said(prepared("unshare").args(unshare));
    assert!(said.paragraph().contains("No memcached server was found"), "{said:?}");
    assert!(said.out.contains("Tracing would not work") && said.out.contains("Fix: Start one"), "{}", said.out);
}
