//! tcpdump, in place of packet-sniffing tools: every packet to the server is captured and its requests are counted.

use std::io::{self, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::Seen;
use crate::process::KillOnDrop;

/// Bytes of the header of a pcap file and of each packet (pcap-savefile(5)).
const FILE_HEADER: usize = 24;
const PACKET_HEADER: usize = 16;

/// Longest packet that is read: the loopback interface's largest is 64 KiB.
const PACKET_MAX: usize = 1 << 20;

/// How long the last packets may take after the last operation.
const SETTLE: Duration = Duration::from_millis(500);

/// A running tcpdump; killed when dropped.
#[derive(Debug)]
pub struct Packets {
    child: KillOnDrop,
    counter: Option<JoinHandle<io::Result<u64>>>,
}

impl Packets {
    /// Captures what is sent to `address`.
    pub fn start(tcpdump: &Path, address: SocketAddr) -> Result<Self> {
        let mut child = Command::new(tcpdump)
            .args(["-i", "lo", "-n", "-s", "0", "-w", "-", "tcp", "dst", "port", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("cannot start tcpdump")?;
        let out = child.stdout.take().context("tcpdump has no standard output")?;
        // The file header is buffered, so "listening on" on standard error marks the start of the capture.
        let mut packets =
            Self { child: KillOnDrop(child), counter: Some(thread::spawn(move || count(BufReader::new(out)))) };
        let error = packets.child.stderr.as_mut().context("tcpdump has no standard error")?;
        let mut said = Vec::new();
        let mut byte = [0];
        while !said.ends_with(b"bytes\n") {
            if error.read(&mut byte)? == 0 {
                bail!("tcpdump does not capture: {}", String::from_utf8_lossy(&said).trim());
            }
            said.extend_from_slice(&byte);
        }
        Ok(packets)
    }

    /// tcpdump's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops the capture.
    pub fn end(mut self) -> Result<Seen> {
        thread::sleep(SETTLE);
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have exited already; the wait below finds out.
            let _ = kill_process(pid, Signal::INT);
        }
        let mut said = String::new();
        if let Some(error) = self.child.stderr.as_mut() {
            error.read_to_string(&mut said).context("cannot read tcpdump's standard error")?;
        }
        self.child.wait().context("cannot wait for tcpdump")?;
        let counter = self.counter.take().context("tcpdump is read only once")?;
        let operations = counter.join().ok().context("the thread that reads packets panicked")??;
        let dropped = said.lines().find(|line| line.contains("dropped by kernel"));
        Ok(Seen {
            operations: Some(operations),
            lost: dropped.filter(|line| !line.starts_with("0 ")).map(str::to_owned),
            ..Seen::default()
        })
    }
}

/// Counts the keys of `get` requests in a pcap file: all words of a line except the first.
fn count(mut file: impl Read) -> io::Result<u64> {
    let mut head = [0; FILE_HEADER];
    if file.read_exact(&mut head).is_err() {
        return Ok(0);
    }
    let mut keys = 0;
    let mut packet = Vec::new();
    let mut head = [0; PACKET_HEADER];
    // A truncated file ends with its last complete packet.
    while file.read_exact(&mut head).is_ok() {
        let [.., a, b, c, d, _, _, _, _] = head;
        let len = u32::from_le_bytes([a, b, c, d]) as usize;
        if len > PACKET_MAX {
            return Err(io::Error::other(format!("a packet of {len} bytes")));
        }
        packet.resize(len, 0);
        if file.read_exact(&mut packet).is_err() {
            break;
        }
        // Each key of a `get` has one space before it, wherever packets are split.
        keys += payload(&packet).iter().filter(|&&byte| byte == b' ').count() as u64;
    }
    Ok(keys)
}

/// The payload of a TCP packet, after the headers of Ethernet, IPv4 (RFC 791) and TCP (RFC 9293).
fn payload(packet: &[u8]) -> &[u8] {
    const ETHERNET: usize = 14;
    let Some(ip) = packet.get(ETHERNET..) else { return &[] };
    let Some(ip_len) = ip.first().map(|byte| usize::from(byte & 15) * 4) else { return &[] };
    let total = ip.get(2..4).map_or(0, |len| usize::from(len[0]) << 8 | usize::from(len[1]));
    // Offloaded packets that are too long for the field have 0.
    let ip = if total == 0 { ip } else { ip.get(..total).unwrap_or(ip) };
    let Some(tcp) = ip.get(ip_len..) else { return &[] };
    let Some(tcp_len) = tcp.get(12).map(|byte| usize::from(byte >> 4) * 4) else { return &[] };
    tcp.get(tcp_len..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(text: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 14 + 20 + 32];
        packet[14] = 0x45;
        let total = (20 + 32 + text.len()) as u16;
        packet[16..18].copy_from_slice(&total.to_be_bytes());
        packet[14 + 20 + 12] = 8 << 4;
        packet.extend_from_slice(text);
        packet.extend_from_slice(b"  padding  ");
        packet
    }

    #[test]
    fn keys_are_counted_wherever_packets_are_split() {
        let mut file = vec![0; FILE_HEADER];
        for text in [b"get a b c\r\nge".as_slice(), b"t d\r\nget", b" e\r\n", b""] {
            let packet = packet(text);
            let len = (packet.len() as u32).to_le_bytes();
            file.extend_from_slice(&[0; 8]);
            file.extend_from_slice(&len);
            file.extend_from_slice(&len);
            file.extend_from_slice(&packet);
        }
        assert_eq!(count(file.as_slice()).unwrap(), 5);
        file.truncate(file.len() - 3);
        assert_eq!(count(file.as_slice()).unwrap(), 5);
        assert_eq!(count([0; 3].as_slice()).unwrap(), 0);
        assert_eq!(payload(&[0; 10]), b"");
    }
}
