//! Over which time rates are is told wherever there are any.

use super::*;

/// A rare value of 3 MB, three seconds after it was read last, by bandwidth.
fn rare(width: u16, height: u16) -> Screen {
    let mut screen = Screen::new(width, height).showing(sample::rare(64));
    screen.press(&[Command::SortBy(Column::Bandwidth)]);
    screen
}

#[test]
fn rates_over_the_last_interval_and_over_the_last_minute() {
    for (width, height) in [(40, 6), (80, 24), (120, 12)] {
        let mut screen = rare(width, height);
        let interval = screen.text();
        screen.press(&[Command::Rates]);
        let note = screen.lines().len() - 1;
        let window = screen.text();
        assert!(window.lines().nth(note).unwrap().starts_with("rates are over the last minute"), "{window}");
        insta::assert_snapshot!(format!("spans_{width}x{height}"), format!("{interval}\n===\n{window}"));
        screen.press(&[Command::Rates]);
        let again = screen.text();
        assert_eq!(again.lines().take(note).collect::<Vec<_>>(), interval.lines().take(note).collect::<Vec<_>>());
    }
}

#[test]
fn the_span_is_told_as_long_as_a_rate_is_shown() {
    let told = |columns: &[Column], sort, width| {
        let mut screen = rare(width, 6);
        screen.state.columns = columns.to_vec();
        screen.press(&[Command::SortBy(sort)]);
        screen.text();
        screen.lines().into_iter().find(|line| line.contains("KEY")).unwrap()
    };
    assert!(told(&[Column::Rate], Column::Rate, 40).contains("rates: last 1.0 s"));
    assert!(told(&[Column::ShareBytes], Column::ShareBytes, 40).contains("rates: last 1.0 s"));
    assert!(told(&[Column::Rate], Column::Calls, 40).contains(" rates: 1.0 s"), "also where there is little room");
    assert!(!told(&[Column::Size], Column::Size, 80).contains("last"), "no column is over it");
}

#[test]
fn the_share_of_a_key_is_over_the_same_time_as_that_of_the_rows() {
    let mut screen = Screen::new(100, 24).showing(sample::rare(64));
    screen.press(&[Command::SortBy(Column::Calls), Command::Move(Motion::Last), Command::Open]);
    let share = |screen: &mut Screen| {
        let text = screen.text();
        text.lines().find(|line| line.starts_with("share")).unwrap_or(&text).to_owned()
    };
    assert_eq!(share(&mut screen), "share      0.0% of calls, 0.0% of bytes · last 1.0 s");
    screen.press(&[Command::Rates]);
    assert_eq!(share(&mut screen), "share      <0.1% of calls, 22.2% of bytes · last 1m00s");
}

#[test]
fn bars_behind_shares_are_as_long_as_the_shares() {
    let mut screen = Screen::new(220, 12).showing(sample::rare(64));
    screen.press(&[Command::SortBy(Column::Size)]);
    let barred = |screen: &mut Screen| {
        screen.text();
        let lines = screen.lines();
        let line = lines.iter().position(|line| line.contains(" menu:json ")).unwrap() as u16;
        let buffer = screen.terminal.backend().buffer();
        (0..220).filter(|x| buffer[(*x, line)].modifier.contains(Modifier::REVERSED)).count()
    };
    assert_eq!(barred(&mut screen), 0);
    screen.press(&[Command::Rates]);
    assert_eq!(barred(&mut screen), 2, "22.2% of seven cells");
}

#[test]
fn an_interval_of_almost_a_second_does_not_move_what_is_beside_it() {
    for (millis, told) in [(970, "last 0.97 s: "), (985, "last 1.0 s: "), (1_004, "last 1.0 s: ")] {
        let mut snapshot = sample::flash_sale();
        snapshot.interval = Duration::from_millis(millis);
        let text = Screen::new(80, 24).showing(snapshot).text();
        assert!(text.lines().nth(1).unwrap().starts_with(told), "{text}");
    }
}
