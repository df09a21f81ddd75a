//! What is shown of probes beyond the usual, and of time that was not watched.

use super::*;
use crate::model::outcomes::Outcomes;
use crate::target::points::ProbeKind;

fn details(snapshot: Snapshot) -> String {
    let mut screen = Screen::new(120, 40).showing(snapshot);
    screen.press(&[Command::Open]);
    screen.text()
}

#[test]
fn outcomes_are_shown_where_they_are_watched() {
    let mut snapshot = sample::flash_sale();
    snapshot.rows[0].outcomes = Outcomes { not_stored: 1_234, exists: 5, evicted: 67 };
    assert!(!details(snapshot.clone()).contains("not stored"));
    let mut target = snapshot.targets[0].clone();
    for kind in [ProbeKind::Store, ProbeKind::Eviction] {
        let probe = target.probes[0].clone();
        target.probes.push(crate::model::snapshot::ProbeInfo { name: kind, ..probe });
    }
    snapshot.targets = [target].into();
    let shown = details(snapshot);
    let told = "items      1,234 not stored, 5 refused because they had changed (cas); evicted 67 times";
    assert!(shown.contains(told), "{shown}");
    assert!(shown.contains("probes: eviction, lookup, store"), "{shown}");
}

#[test]
fn estimates_are_marked() {
    let mut snapshot = sample::flash_sale();
    let calls = snapshot.total.calls() / 50;
    for second in 0..50 {
        snapshot.estimate.add(Duration::from_secs(1), calls, second % 10 != 0);
    }
    for (width, height) in [(40, 6), (80, 24), (120, 40)] {
        let shown = Screen::new(width, height).showing(snapshot.clone()).text();
        assert!(shown.contains(" ESTIMATED for 9s"), "{shown}");
        assert!(!shown.contains("last 1.0 s: "), "nothing is known of it: {shown}");
    }
    let mut watched = snapshot.clone();
    watched.estimate.add(Duration::from_secs(1), calls, false);
    let shown = Screen::new(120, 40).showing(watched).text();
    assert!(!shown.contains("ESTIMATED for") && shown.contains("last 1.0 s: "), "{shown}");
    let shown = details(snapshot);
    assert!(shown.contains("estimated, to within ") && shown.contains("5.0 s of 50.0 s watched: see ?"), "{shown}");
}
