use std::path::Path;

use super::*;
use crate::capture::format::EndedBy;
use crate::capture::reader::Reader;
use crate::capture::tests::{header, small};
use crate::capture::writer::{Writer, WriterSettings};
use crate::model::interval::{Interval, RecordedInterval};

fn intervals() -> Vec<RecordedInterval> {
    let RecordedInterval { interval, records } = small().remove(0);
    let each = |second: u64| {
        let (start, end) = (Duration::from_secs(second), Duration::from_secs(second + 1));
        Interval { start, end, ..interval.clone() }.with(records.clone())
    };
    (0..100).map(each).collect()
}

fn file(directory: &Path, compress: bool, finish: bool) -> std::path::PathBuf {
    let path = directory.join("sale.ndjson");
    let settings = WriterSettings { compress, ..WriterSettings::default() };
    let mut writer = Writer::new(std::fs::File::create(&path).unwrap(), &header(), &settings).unwrap();
    intervals().iter().for_each(|interval| writer.write_interval(interval).unwrap());
    if finish {
        writer.finish(EndedBy::Duration).unwrap();
    }
    path
}

/// The live snapshot after this many intervals.
fn live_snapshot(path: &Path, folded: usize) -> Snapshot {
    let mut model = Model::new(Reader::open(path).unwrap().header(), Limits::default());
    intervals().iter().take(folded).for_each(|interval| model.fold(interval));
    model.snapshot(false)
}

#[test]
fn a_seek_gives_the_live_snapshot_from_any_position() {
    let directory = tempfile::tempdir().unwrap();
    for (compress, finish) in [(false, true), (true, true), (false, false), (true, false)] {
        let path = file(directory.path(), compress, finish);
        let index = IntervalIndex::read(&path).unwrap();
        assert_eq!((index.len(), index.length()), (100, Duration::from_secs(100)));
        let mut replay = Replay::new(|| Reader::open(&path), index, Limits::default()).unwrap();
        assert_eq!(replay.position(), Duration::ZERO);
        for (to, folded) in
            [(50.0, 50), (50.9, 50), (10.0, 10), (99.99, 99), (1_000.0, 100), (0.0, 1), (0.5, 1), (2.0, 2)]
        {
            let snapshot = replay.seek(Duration::from_secs_f64(to)).unwrap();
            assert_eq!(format!("{snapshot:?}"), format!("{:?}", live_snapshot(&path, folded)), "{to}");
            assert_eq!(replay.position(), Duration::from_secs(folded as u64));
        }
        let next = replay.step().unwrap().unwrap();
        assert_eq!(format!("{next:?}"), format!("{:?}", live_snapshot(&path, 3)));
        replay.seek(Duration::MAX).unwrap();
        assert!(replay.step().unwrap().is_none());
    }
}

#[test]
fn an_index_ends_at_a_line_that_cannot_be_parsed() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), false, true);
    let text = std::fs::read_to_string(&path).unwrap().replacen("\"start_s\":40.0", "\"start_s\":-1", 1);
    std::fs::write(&path, text).unwrap();
    assert_eq!(IntervalIndex::read(&path).unwrap().len(), 40);
    std::fs::write(&path, "not a capture").unwrap();
    assert!(IntervalIndex::read(&path).is_err());
}

#[test]
fn the_player_computes_positions() {
    let seconds = Duration::from_secs;
    let mut player = Player::new(seconds(100), seconds(1_000));
    assert_eq!(player.position(seconds(1_010)), seconds(10));
    player.apply(PlayerCommand::Speed(4.0), seconds(1_010));
    assert_eq!(player.position(seconds(1_015)), seconds(30));
    assert_eq!(player.wait(seconds(40), seconds(1_015)), Some(Duration::from_millis(2_500)));
    player.apply(PlayerCommand::TogglePause, seconds(1_015));
    assert_eq!((player.position(seconds(2_000)), player.is_paused()), (seconds(30), true));
    assert_eq!(player.wait(seconds(40), seconds(2_000)), None);
    player.apply(PlayerCommand::Back(seconds(50)), seconds(2_000));
    assert_eq!(player.position(seconds(2_000)), Duration::ZERO);
    player.apply(PlayerCommand::Forward(seconds(20)), seconds(2_000));
    player.apply(PlayerCommand::TogglePause, seconds(2_001));
    assert_eq!(player.position(seconds(2_002)), seconds(24));
    player.apply(PlayerCommand::Seek(seconds(1_000)), seconds(2_003));
    assert_eq!(player.position(seconds(3_000)), seconds(100));
    for speed in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
        player.apply(PlayerCommand::Speed(speed), seconds(3_000));
        assert!((0.01..=10_000.0).contains(&player.speed()));
    }
}
