//! Files that would use too much memory are refused in time.

use std::io::{BufReader, Read};

use super::{KEYS_MAX, LINE_MAX, header, read, small, written};
use crate::capture::reader::Reader;
use crate::source::Source;

fn header_line() -> Vec<u8> {
    let mut file = written(&[], false);
    file.truncate(file.iter().position(|byte| *byte == b'\n').unwrap() + 1);
    file
}

#[test]
fn a_line_with_too_many_keys_is_refused() {
    let mut file = header_line();
    file.extend(br#"{"type":"interval","start_s":0,"end_s":1,"total":{},"loss":{},"keys":["#);
    file.extend(br#"{"key":"a"}"#);
    for _ in 0..KEYS_MAX {
        file.extend(br#",{"key":"a"}"#);
    }
    file.extend(b"]}\n");
    let (intervals, end) = read(&file);
    assert!(intervals.is_empty());
    assert!(end.as_ref().is_err_and(|said| said.contains("line 2 of ") && said.contains("1048576 keys")), "{end:?}");
}

#[test]
fn a_line_without_an_end_is_refused() {
    let endless = std::io::repeat(b' ').take(LINE_MAX as u64 * 2);
    let mut reader = Reader::new(BufReader::new(header_line().chain(endless)), "capture".into()).unwrap();
    let said = reader.next_recorded().unwrap_err().to_string();
    assert!(said.contains("line 2 of capture") && said.contains("longer than 128 MiB"), "{said}");
}

/// `chain` for owned bytes.
trait Chain {
    fn chain<R: Read>(self, rest: R) -> std::io::Chain<std::io::Cursor<Vec<u8>>, R>;
}

impl Chain for Vec<u8> {
    fn chain<R: Read>(self, rest: R) -> std::io::Chain<std::io::Cursor<Vec<u8>>, R> {
        std::io::Cursor::new(self).chain(rest)
    }
}

#[test]
fn descriptions_of_servers_are_limited() {
    let header = String::from_utf8(header_line()).unwrap();
    let long = header.replace("a note", &"n".repeat(100_000));
    assert!(read(long.as_bytes()).1.unwrap_err().contains("about one server"));
    let many = header.replace("\"targets\":[", &format!("\"targets\":[{}", target().repeat(5_000)));
    assert!(read(many.as_bytes()).1.unwrap_err().contains("5003 servers"), "{many:.300}");
    let mut intervals = small();
    intervals[0].interval.changes = vec![crate::model::interval::Change::Refused { reason: "r".repeat(100_000) }];
    assert!(read(&written(&intervals, false)).1.unwrap_err().contains("about one server"));
}

fn target() -> String {
    serde_json::to_string(&header().targets[0]).unwrap() + ","
}

#[test]
fn a_newer_version_is_named() {
    let newer = "{\"type\":\"header\",\"schema\":\"mctop.capture/7\",\"mctop\":\"9.9.9\",\"everything\":\"else\"}\n";
    let said = read(newer.as_bytes()).1.unwrap_err();
    assert!(said.contains("\"mctop.capture/7\"") && said.contains("mctop \"9.9.9\""), "{said}");
}
