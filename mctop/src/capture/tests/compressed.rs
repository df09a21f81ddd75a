//! Compressed captures can be read even if they are cut off, and damage is detected.

use std::fs::{self, File};
use std::io::Write as _;

use proptest::prelude::*;
use proptest::sample::Index;

use super::{header, intervals, is_sound, read_all, small};
use crate::capture::format::EndedBy;
use crate::capture::reader::Reader;
use crate::capture::writer::{Writer, WriterSettings};
use crate::model::capture_meta::Ending;
use crate::model::interval::RecordedInterval;

/// The bytes of a capture, and its length after the header and after each interval.
fn compressed(intervals: &[RecordedInterval]) -> (Vec<u8>, Vec<usize>) {
    let settings = WriterSettings { compress: true, ..WriterSettings::default() };
    let mut writer = Writer::new(Vec::new(), &header(), &settings).unwrap();
    let mut lengths = vec![usize::try_from(writer.written()).unwrap()];
    for interval in intervals {
        writer.write_interval(interval).unwrap();
        lengths.push(usize::try_from(writer.written()).unwrap());
    }
    (writer.finish(EndedBy::Duration).unwrap(), lengths)
}

fn read(file: &[u8]) -> (Vec<RecordedInterval>, Result<Ending, String>) {
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(file).unwrap();
    read_all(Reader::open(path.path()))
}

#[test]
fn a_capture_cut_off_anywhere_gives_its_complete_intervals() {
    let intervals = small();
    let (file, lengths) = compressed(&intervals);
    for cut in 0..file.len() {
        let (read, end) = read(&file[..cut]);
        let complete = lengths.iter().filter(|length| **length <= cut).count();
        if complete == 0 {
            assert!(end.is_err() || read.is_empty(), "{cut}");
            continue;
        }
        // A line can be complete before its final flush.
        assert!(read.len() >= complete - 1 && intervals.starts_with(&read), "{cut}");
        assert!(matches!(end, Ok(Ending::CutOff | Ending::Finished)), "{cut}: {end:?}");
    }
    assert_eq!(read(&file), (intervals, Ok(Ending::Finished)));
}

#[test]
fn a_long_capture_has_several_frames() {
    let mut long = small();
    let noise = |seed: u64| -> Vec<u8> {
        let mut state = seed + 1;
        (0..200)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect()
    };
    let first = long[0].records[0].clone();
    long[0].records = (0..40_000)
        .map(|n| crate::model::interval::Record { key: crate::model::key::Key::new(&noise(n)), ..first.clone() })
        .collect();
    for _ in 1..40_000 {
        long[0].interval.total += &first.counts;
    }
    let (file, _) = compressed(&long);
    let magic = 0xFD2F_B528_u32.to_le_bytes();
    let frames = file.windows(4).filter(|window| *window == magic).count();
    assert!(frames >= 2, "{frames} frames in {} bytes", file.len());
    assert_eq!(read(&file), (long, Ok(Ending::Finished)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_written_is_read(intervals in intervals()) {
        let (file, _) = compressed(&intervals);
        prop_assert_eq!(read(&file), (intervals, Ok(Ending::Finished)));
    }

    #[test]
    fn damaged_bytes_never_give_wrong_sums(
        intervals in intervals(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let (mut file, _) = compressed(&intervals);
        for (position, byte) in changes {
            let position = position.index(file.len());
            file[position] = byte;
        }
        let (read, end) = read(&file);
        prop_assert!(read.iter().all(is_sound));
        // A frame that was read to its end passed its checksum.
        if end == Ok(Ending::Finished) {
            prop_assert_eq!(read.len(), intervals.len());
        }
    }
}

#[test]
fn garbage_after_the_magic_number_is_refused() {
    let mut garbage = 0xFD2F_B528_u32.to_le_bytes().to_vec();
    garbage.extend((0..4_096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    for length in [4, 5, 9, 100, 4_100] {
        let said = read(&garbage[..length]).1.unwrap_err();
        assert!(said.contains("empty") || said.contains("decompressed"), "{length}: {said}");
    }
}

#[test]
fn the_message_about_a_damaged_line_has_a_command_that_saves_the_lines_before_it() {
    let (file, _) = compressed(&small());
    let mut lines = zstd::decode_all(&*file).unwrap();
    let second = lines.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    lines[second + 30] = b'x';
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.ndjson.zst");
    zstd::stream::copy_encode(&*lines, File::create(&path).unwrap(), 3).unwrap();
    let said = read_all(Reader::open(&path)).1.unwrap_err();
    assert!(said.contains("line 2 of ") && said.contains("zstd -dcq FILE | head -n 1"), "{said}");
    fs::write(&path, lines).unwrap();
    assert!(read_all(Reader::open(&path)).1.unwrap_err().contains("`head -n 1 FILE"));
}
