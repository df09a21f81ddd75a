//! The transcripts of the pages on captures are what mctop prints.

use std::path::Path;

use mctop_test_support::captures::{capture, interval, lines};
use mctop_test_support::program::{FLASH_SALE, HOT_KEY, mctop_path, prepared, said};
use mctop_test_support::transcripts;
use serde_json::json;
use tempfile::TempDir;

/// A directory with the captures of the pages.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(directory.path().join(name), content).unwrap();
    let sale = |seconds: u64, hot: u64| {
        let each = move |second| {
            let shop =
                |n: u64| json!({"key": format!("shop:{n}"), "size": 600, "hits": 40 - n, "bytes_out": (40 - n) * 600});
            let mut keys =
                vec![json!({"key": HOT_KEY, "size": 13_961, "ttl": 30, "hits": hot, "bytes_out": hot * 13_961})];
            keys.extend((1..=6).map(shop));
            interval(second, &keys)
        };
        (0..seconds).map(each).collect::<Vec<_>>()
    };
    write("sale.ndjson", &std::fs::read(FLASH_SALE).unwrap());
    write("before.ndjson", &capture(&sale(60, 12_000)));
    write("after.ndjson", &capture(&sale(60, 60)));
    let mut killed = vec![mctop_test_support::captures::header()];
    killed.extend(sale(20, 12_000));
    write("killed.ndjson", &lines(&killed));
    write("team.key", b"a secret of the team, as an example\n");
    directory
}

fn printed(directory: &Path, command: &str) -> String {
    let programs = Path::new(mctop_path()).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    said(prepared("sh").args(["-c", &format!("exec 2>&1; {command}")]).current_dir(directory).env("PATH", path)).out
}

#[test]
fn transcripts_of_captures() {
    let directory = directory();
    for page in ["capture.md", "report.md"] {
        transcripts::check(page, |command| printed(directory.path(), command));
    }
}
