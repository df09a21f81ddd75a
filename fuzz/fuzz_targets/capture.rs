//! Captures: whatever the reader accepts has sums that hold, and every report can be made from it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mctop::internal::{Format, Look, MIN_MEMORY, UNICODE, write};
use mctop::{Limits, Model, Reader, Source, View};

fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = Reader::new(data, "fuzzed".into()) else { return };
    let mut model = Model::new(reader.header(), Limits::for_memory(MIN_MEMORY));
    while let Ok(Some(interval)) = reader.next() {
        assert_eq!(interval.unexplained(), (0, 0));
        model.fold(&interval);
    }
    let snapshot = model.snapshot(false);
    for format in [Format::Table, Format::Json, Format::Ndjson, Format::Csv, Format::Markdown] {
        let look = Look { width: Some(80), glyphs: UNICODE };
        write(format, &snapshot, &View::default(), look, &mut std::io::sink()).expect("a sink cannot fail");
    }
});
