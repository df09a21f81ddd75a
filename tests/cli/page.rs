//! The pages as a browser shows them: headless Chromium without a network.

use std::path::Path;
use std::process::Command;

use mctop_test_support::captures::{capture, interval};
use mctop_test_support::program::{FLASH_SALE, file, mctop, output, text};
use mctop_test_support::requirements::browser;
use serde_json::json;

/// The style sheet's colours of the background and of the first line of a chart.
const LIGHT: ([u8; 3], [u8; 3]) = ([0xff, 0xff, 0xff], [0x00, 0x72, 0xb2]);
const DARK: ([u8; 3], [u8; 3]) = ([0x16, 0x18, 0x1c], [0x56, 0xb4, 0xe9]);

const WIDTH: usize = 1_280;
const HEIGHT: usize = 2_400;

/// Opens a page in the browser, in a directory of its own; no host can be reached.
fn browse(page: &str, directory: &Path, arguments: &[&str]) -> Vec<u8> {
    let file = directory.join("page.html");
    std::fs::write(&file, page).unwrap();
    let output = Command::new(browser())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9"])
        .arg(format!("--window-size={WIDTH},{HEIGHT}"))
        .arg(format!("--user-data-dir={}", directory.join("profile").display()))
        .args(arguments)
        .arg(format!("file://{}", file.display()))
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The pixels of a page for readers who prefer light or dark, as red, green and blue.
fn shown(page: &str, dark: bool) -> Vec<[u8; 3]> {
    let directory = tempfile::tempdir().unwrap();
    // Blink's numbers for the preferences.
    let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!dark));
    browse(page, directory.path(), &["--screenshot=page.png", &scheme]);
    let image = std::fs::File::open(directory.path().join("page.png")).unwrap();
    let mut reader = png::Decoder::new(std::io::BufReader::new(image)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.width as usize, frame.height as usize), (WIDTH, HEIGHT));
    let samples = frame.color_type.samples();
    pixels[..frame.buffer_size()].chunks(samples).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
}

fn count(pixels: &[[u8; 3]], colour: [u8; 3]) -> usize {
    pixels.iter().filter(|pixel| **pixel == colour).count()
}

#[test]
#[ignore = "needs Chromium"]
fn pages_follow_the_preferred_colour_scheme_and_have_charts() {
    let report = output(&mut mctop(&["report", FLASH_SALE, "--format", "html", "-g", "auto"]));
    let diff = output(&mut mctop(&["diff", FLASH_SALE, FLASH_SALE, "--format", "html"]));
    for (page, charts) in [(&report, true), (&diff, false)] {
        for (dark, (background, line)) in [(false, LIGHT), (true, DARK)] {
            let pixels = shown(page, dark);
            // Most of a page is background, and some of it is not.
            let empty = count(&pixels, background);
            assert!(empty > pixels.len() / 2 && empty < pixels.len() * 99 / 100, "{empty} of {}", pixels.len());
            assert_eq!(pixels[0], background);
            let drawn = count(&pixels, line);
            assert!(if charts { drawn > 500 } else { drawn == 0 }, "{drawn} pixels are of a line: dark {dark}");
        }
    }
}

#[test]
#[ignore = "needs Chromium"]
fn a_browser_takes_no_key_for_markup() {
    let evil =
        "</code></td></table><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    let each = |second| interval(second, &[json!({"key": evil, "hits": 9}), json!({"key": "tame", "hits": 1})]);
    let (_directory, path) = file("evil", &capture(&(0..3).map(each).collect::<Vec<_>>()));
    for arguments in [vec!["report", text(&path)], vec!["diff", text(&path), text(&path)]] {
        let page = output(mctop(&arguments).args(["--format", "html"]));
        let directory = tempfile::tempdir().unwrap();
        let dom = String::from_utf8(browse(&page, directory.path(), &["--dump-dom"])).unwrap();
        assert!(dom.contains("&lt;script&gt;document.title=") && !dom.contains("<script") && !dom.contains("<img"));
        assert!(!dom.contains("<title>owned"), "{dom}");
        assert_eq!(dom.matches("<tr>").count(), page.matches("<tr>").count(), "{dom}");
    }
}
