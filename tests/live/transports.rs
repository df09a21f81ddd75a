//! Counts do not depend on how requests reach the server: by UDP, a Unix socket or TLS.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mctop_test_support::client::{Client, PATIENCE};
use mctop_test_support::expected::Expected;
use mctop_test_support::observer::{Document, Observer};
use mctop_test_support::server::{self, Server};

use crate::binary::{self, opcode, packet, reads_requests};

/// Asserts the counts of [`drive`].
fn assert_driven(document: &Document) {
    document.assert_whole();
    let counts = |key| document.counts(key, ["hits", "misses", "sets", "deletes", "other", "bytes_out", "bytes_in"]);
    assert_eq!(counts("k"), [3, 0, 2, 1, 0, 5 + 5 + 6, 5 + 1]);
    assert_eq!(counts("absent"), [0, 2, 0, 0, 1, 0, 0]);
    assert_eq!(document.total("calls"), 9);
}

/// Every kind of request once, over a connection.
fn drive(client: &mut Client) {
    assert_eq!(client.ask("set k 0 0 5\r\nhello\r\nget k\r\nget k absent\r\n").len(), 7);
    client.ask("append k 0 0 1\r\n!\r\ngets k\r\ngets absent\r\nincr absent 1\r\ndelete k\r\n");
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn requests_on_a_unix_socket_are_counted() {
    let (_directory, inside) = server::directory();
    let server = Server::start(&["-s", &format!("{inside}/memcached"), "-a", "0777"]);
    let observer = Observer::start(&server, &[]);
    drive(&mut server.connect());
    assert_driven(&observer.finish());
}

/// The binary protocol on a Unix socket, where the first byte selects the protocol, too.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn binary_requests_on_a_unix_socket_are_counted() {
    let (_directory, inside) = server::directory();
    let server = Server::start(&["-s", &format!("{inside}/memcached"), "-a", "0777"]);
    let observer = Observer::start(&server, &[]);
    let requests = [packet(opcode::SET, &[0; 8], b"hello").bytes(b"k"), packet(opcode::GET, &[], &[]).bytes(b"k")];
    binary::ask(&mut server.connect(), &requests, usize::MAX);
    let document = observer.finish();
    document.assert_nothing_lost();
    assert_eq!((document.key("k")["calls"].as_u64(), document.total("calls")), (Some(2), 2));
    if reads_requests(&document) {
        assert_eq!((document.total("sets"), document.total("hits"), document.total("bytes")), (1, 1, 10));
    }
}

/// A key and a certificate for it, and a client that speaks TLS through openssl(1).
struct Tls {
    child: Child,
}

impl Tls {
    /// Writes `key.pem` and `cert.pem`.
    fn certify(directory: &Path) {
        let (key, certificate) = (directory.join("key.pem"), directory.join("cert.pem"));
        let status = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "openssl made no certificate");
        // memcached reads it as another user.
        std::fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    }

    fn connect(port: u16) -> (Self, Client) {
        let mut child = Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let client = Client::of(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        (Self { child }, client)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "needs root, eBPF, memcached and OpenSSL"]
fn requests_over_tls_are_counted() {
    if !Expected::has(Expected::here().tls, "TLS, which it was not built with") {
        return;
    }
    let (directory, inside) = server::directory();
    Tls::certify(directory.path());
    let port = server::free_port();
    let files = format!("ssl_chain_cert={inside}/cert.pem,ssl_key={inside}/key.pem");
    let server = Server::start(&["-Z", "-o", &files, "-l", &format!("127.0.0.1:{port}")]);
    let observer = Observer::start(&server, &[]);
    let (_process, mut client) = Tls::connect(port);
    drive(&mut client);
    let document = observer.finish();
    assert_driven(&document);
    reads_requests(&document);
}

/// A UDP client: each datagram starts with request id, sequence number, number of datagrams and zero, two bytes each.
struct Udp {
    socket: UdpSocket,
    request: u16,
}

impl Udp {
    fn connect(port: u16) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, request: 0 }
    }

    /// Sends a request in one datagram that is said to be one of `count`.
    fn send(&mut self, request: &str, count: u8) {
        self.request += 1;
        let [high, low] = self.request.to_be_bytes();
        let mut datagram = vec![high, low, 0, 0, 0, count, 0, 0];
        datagram.extend(request.as_bytes());
        self.socket.send(&datagram).unwrap();
    }

    /// Sends a request; returns the answer, which ends with `end`, and how many datagrams it had. Of several keys, memcached
    /// may send each on its own.
    fn ask(&mut self, request: &str, end: &str) -> (String, usize) {
        self.send(request, 1);
        let mut answer = String::new();
        for datagrams in 1.. {
            let mut buffer = [0; 65_536];
            let length = self.socket.recv(&mut buffer).unwrap();
            let (header, body) = buffer[..length].split_at(8);
            assert_eq!(header[..2], self.request.to_be_bytes(), "an answer to something else");
            answer += str::from_utf8(body).unwrap();
            if answer.ends_with(end) {
                return (answer, datagrams);
            }
        }
        unreachable!("an answer has an end")
    }
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn requests_over_udp_are_counted() {
    const LARGE: usize = 10_000;
    let udp_port = server::free_port();
    let server = Server::start(&["-U", &udp_port.to_string()]);
    server.connect().ask(&format!("set large 0 0 {LARGE}\r\n{}\r\n", "v".repeat(LARGE)));
    let observer = Observer::start(&server, &[]);
    let mut client = Udp::connect(udp_port);
    // memcached ignores requests in several datagrams.
    client.send("get k\r\n", 2);
    assert_eq!(client.ask("set k 0 0 5\r\nhello\r\n", "\r\n"), ("STORED\r\n".into(), 1));
    assert_eq!(client.ask("get k\r\n", "END\r\n"), ("VALUE k 0 5\r\nhello\r\nEND\r\n".into(), 1));
    client.ask("get k k k\r\n", "END\r\n");
    client.ask("get absent\r\n", "END\r\n");
    assert_eq!(client.ask("delete absent\r\n", "\r\n"), ("NOT_FOUND\r\n".into(), 1));
    let (answer, datagrams) = client.ask("get large\r\n", "END\r\n");
    assert!(answer.len() > LARGE && datagrams > 1, "{datagrams} datagrams of {} bytes", answer.len());
    let document = observer.finish();
    document.assert_whole();
    let counts = |key| document.counts(key, ["hits", "misses", "sets", "deletes", "bytes_out", "bytes_in"]);
    assert_eq!(counts("k"), [4, 0, 1, 0, 20, 5]);
    assert_eq!(counts("absent"), [0, 1, 0, 1, 0, 0]);
    assert_eq!(counts("large"), [1, 0, 0, 0, LARGE as u64, 0]);
    assert_eq!(document.total("calls"), 8);
}
