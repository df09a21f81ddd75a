//! Snapshots in place of captures.

use super::*;
use crate::model::ranking::View;
use crate::model::sample;
use crate::report::{Format, Look, write};
use crate::text::glyphs::UNICODE;

fn document(format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let look = Look { width: None, glyphs: UNICODE };
    write(format, &sample::with_loss(sample::hostile()), &View::default(), look, &mut out).unwrap();
    out
}

#[test]
fn keys_of_any_bytes_come_back() {
    let snapshot = sample::with_loss(sample::hostile());
    for format in [Format::Json, Format::Ndjson] {
        let (read, end) = read(&document(format));
        let [RecordedInterval { interval, records }] = &read[..] else { panic!("{format:?}: {end:?}") };
        assert_eq!(end, Ok(Ending::Finished));
        assert_eq!((interval.total, interval.loss, interval.end), (snapshot.total, snapshot.loss, snapshot.duration));
        for row in &snapshot.rows {
            let record = records.iter().find(|record| record.key == row.key).unwrap();
            assert_eq!((record.counts, record.size, record.ttl), (row.total, row.size, row.ttl));
        }
        assert_eq!(records.len(), snapshot.rows.len());
        assert_eq!(read[0].unexplained(), (0, 0));
    }
}

#[test]
fn one_that_is_cut_off_anywhere_is_refused_or_said_to_be() {
    for (format, compact) in [(Format::Json, false), (Format::Json, true), (Format::Ndjson, false)] {
        let mut whole = document(format);
        if compact {
            whole = serde_json::from_slice::<serde_json::Value>(&whole).unwrap().to_string().into_bytes();
            whole.push(b'\n');
        }
        let head = whole.iter().position(|byte| *byte == b'\n').unwrap();
        // The last line end is not needed.
        for cut in 0..whole.len() - 1 {
            let (read, end) = read(&whole[..cut]);
            if format == Format::Ndjson && cut >= head {
                assert_eq!((read.len(), end), (1, Ok(Ending::CutOff)), "{cut}");
                assert_eq!(read[0].unexplained(), (0, 0));
            } else {
                assert!(read.is_empty() && end.is_err(), "{cut} of {format:?}: {end:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_change_of_a_byte_is_refused_or_keeps_the_sums(at: Index, byte: u8, lines: bool) {
        let mut bytes = document(if lines { Format::Ndjson } else { Format::Json });
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let (read, _) = read(&bytes);
        prop_assert!(read.iter().all(|interval| interval.unexplained() == (0, 0)));
    }
}
