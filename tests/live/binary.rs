//! The binary protocol: its requests, which are counted correctly also when they arrive in pieces.

use mctop_test_support::client::Client;
use mctop_test_support::expected::Expected;
use mctop_test_support::observer::{Document, Observer};
use mctop_test_support::server::Server;

/// Opcodes, from memcached's `protocol_binary.h`.
pub mod opcode {
    pub const GET: u8 = 0x00;
    pub const SET: u8 = 0x01;
    pub const ADD: u8 = 0x02;
    pub const REPLACE: u8 = 0x03;
    pub const DELETE: u8 = 0x04;
    pub const INCREMENT: u8 = 0x05;
    pub const DECREMENT: u8 = 0x06;
    pub const GETQ: u8 = 0x09;
    pub const NO_OPERATION: u8 = 0x0a;
    pub const VERSION: u8 = 0x0b;
    pub const GETK: u8 = 0x0c;
    pub const GETKQ: u8 = 0x0d;
    pub const APPEND: u8 = 0x0e;
    pub const PREPEND: u8 = 0x0f;
    pub const SETQ: u8 = 0x11;
    pub const ADDQ: u8 = 0x12;
    pub const DELETEQ: u8 = 0x14;
    pub const INCREMENTQ: u8 = 0x15;
    pub const APPENDQ: u8 = 0x19;
    pub const TOUCH: u8 = 0x1c;
    pub const GAT: u8 = 0x1d;
    pub const GATQ: u8 = 0x1e;
    pub const GATK: u8 = 0x23;
    pub const GATKQ: u8 = 0x24;
}

/// A request without its key.
#[derive(Clone, Copy)]
pub struct Packet {
    opcode: u8,
    extras: &'static [u8],
    value: &'static [u8],
    has_key: bool,
}

/// A request with a key.
pub const fn packet(opcode: u8, extras: &'static [u8], value: &'static [u8]) -> Packet {
    Packet { opcode, extras, value, has_key: true }
}

impl Packet {
    pub const fn without_key(self) -> Self {
        Self { has_key: false, ..self }
    }

    /// The request for a key.
    pub fn bytes(&self, key: &[u8]) -> Vec<u8> {
        let key = if self.has_key { key } else { &[] };
        let body = u32::try_from(self.extras.len() + key.len() + self.value.len()).unwrap();
        let mut request = vec![0x80, self.opcode];
        request.extend(u16::try_from(key.len()).unwrap().to_be_bytes());
        request.extend([u8::try_from(self.extras.len()).unwrap(), 0, 0, 0]);
        request.extend(body.to_be_bytes());
        request.extend([0; 12]);
        for part in [self.extras, key, self.value] {
            request.extend(part);
        }
        request
    }
}

/// Sends requests in pieces of `piece` bytes, and reads up to the answer of a no-operation behind them.
pub fn ask(client: &mut Client, requests: &[Vec<u8>], piece: usize) {
    let mut all = requests.concat();
    all.extend(packet(opcode::NO_OPERATION, &[], &[]).without_key().bytes(&[]));
    for part in all.chunks(piece) {
        client.send(part);
    }
    loop {
        let mut header = [0; 24];
        client.read_exact(&mut header);
        assert_eq!(header[0], 0x81, "not an answer: {header:x?}");
        let mut body = vec![0; u32::from_be_bytes(header[8..12].try_into().unwrap()) as usize];
        client.read_exact(&mut body);
        if header[1] == opcode::NO_OPERATION {
            return;
        }
    }
}

/// Whether requests are read at lookups, which must be as expected; without, the verbs of the binary protocol are not known.
pub fn reads_requests(document: &Document) -> bool {
    let expected = Expected::here();
    let has_command_probe = document.probes().iter().any(|probe| probe["name"] == "command");
    assert_eq!(has_command_probe, !expected.requests && expected.commands, "{:#}", document.0["targets"]);
    Expected::has(expected.requests, "verbs of the binary protocol, which need lookups that read their requests")
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn requests_in_pieces_are_counted() {
    let server = Server::start(&[]);
    let observer = Observer::start(&server, &[]);
    let stream = &mut server.connect();
    // A text client takes turns with it on the same threads.
    let mut text = server.connect();
    let requests = [
        packet(opcode::GET, &[], &[]).bytes(b"pieces"),
        packet(opcode::SET, &[0; 8], b"value").bytes(b"pieces"),
        packet(opcode::DELETE, &[], &[]).bytes(b"pieces"),
    ];
    let pieces = [1, 7, 23, 25, 31];
    for piece in pieces {
        text.ask("delete other\r\n");
        ask(stream, &requests, piece);
    }
    let document = observer.finish();
    document.assert_nothing_lost();
    let rounds = pieces.len() as u64;
    assert_eq!(document.key("other")["deletes"], rounds);
    assert_eq!(document.key("pieces")["calls"], 3 * rounds);
    if !reads_requests(&document) {
        return;
    }
    let counted =
        ["misses", "sets", "deletes", "delete_hits", "bytes_in"].map(|field| document.key("pieces")[field].as_u64());
    assert_eq!(counted, [rounds, rounds, rounds, rounds, 5 * rounds].map(Some));
}
