//! Invalid arguments.

use mctop::internal::COLUMNS;
use mctop_test_support::program::{FLASH_SALE, mctop, output, refusal};

#[test]
fn an_unknown_column_is_refused_with_the_list_of_columns() {
    for arguments in [
        &["--sort", "speed"][..],
        &["dump", "--sort", "speed"],
        &["report", FLASH_SALE, "--sort", "speed"],
        &["replay", FLASH_SALE, "-s", "speed"],
    ] {
        let paragraph = refusal(&mut mctop(arguments), 2);
        assert!(paragraph.contains("\"speed\""), "{paragraph}");
        for declaration in COLUMNS {
            assert!(paragraph.contains(declaration.name), "{} is not in: {paragraph}", declaration.name);
        }
    }
}

#[test]
fn invalid_durations_and_intervals_are_refused() {
    for time in ["0", "0s", "0ms", "=-1", "=-5s", "soon", "", "10 parsecs", "nan", "inf", "1e300", "100y", "5s5"] {
        let duration = format!("--duration{}{}", if time.starts_with('=') { "" } else { "=" }, time);
        for command in [&["dump"][..], &["capture", "-o", "/nonexistent/never-written"]] {
            let paragraph = refusal(&mut mctop(&[command, &[&duration]].concat()), 2);
            assert!(paragraph.contains("--duration") && paragraph.contains("10s"), "{duration}: {paragraph}");
        }
        let interval = duration.replace("duration", "interval");
        let paragraph = refusal(&mut mctop(&[&interval]), 2);
        assert!(paragraph.contains("--interval"), "{interval}: {paragraph}");
    }
    for interval in ["99ms", "601s"] {
        let paragraph = refusal(&mut mctop(&["-i", interval]), 2);
        assert!(paragraph.contains("100ms") && paragraph.contains("10m"), "{paragraph}");
    }
}

#[test]
fn errors_name_the_wrong_argument() {
    for (arguments, named) in [
        (&["--srot", "calls"][..], &["'--srot'", "'--sort'"][..]),
        (&["dump", "--lines", "3"], &["'--lines'"]),
        (&["dmup"], &["'dmup'", "'dump'"]),
        (&["dump", "--format", "xml"], &["'xml'", "--format", "table", "json", "ndjson", "csv", "markdown"]),
        (&["dump", "--wait-for", "rps>"], &["--wait-for", "at character 5"]),
        (&["dump", "--redact=user:("], &["--redact", "regular expression"]),
        // Without =, the next word could be a pattern or an argument.
        (&["dump", "--redact", "user:1234"], &["'user:1234'"]),
        (&["dump", "--redact-key", "key"], &["--redact"]),
        (&["dump", "--pid", "memcached"], &["'memcached'", "--pid"]),
        (&["dump", "--pid", "0"], &["'0'", "--pid"]),
        (&["dump", "--pid", "4294967296"], &["4294967296", "--pid"]),
        (&["dump", "--limit=-1"], &["'-1'", "--limit"]),
        (&["dump", "--memory", "1023K"], &["'1023K'", "--memory", "1M to 4G"]),
        (&["dump", "--memory", "much"], &["'much'", "64M"]),
        // Options that the command does not have, before or after it.
        (&["--pid", "1", "report", FLASH_SALE], &["mctop report has no option --pid", "mctop dump, mctop capture and"]),
        (&["report", FLASH_SALE, "-p", "1"], &["mctop report has no option -p", "mctop without a command"]),
        (&["--theme", "dark", "dump"], &["mctop dump has no option --theme", "mctop replay"]),
        (&["--port", "1", "man"], &["mctop man has no option --port"]),
        (&["--pid", "1", "dump", "--port", "2"], &["--pid", "--port", "cannot be used with"]),
        (&["doctor", "--pid", "1", "--all"], &["--pid", "--all", "cannot be used with"]),
        (&["dump", "--port", "11211", "--all"], &["--port", "--all", "cannot be used with"]),
        (&["dump", "--port=0"], &["--port"]),
        (&["dump", "--port=65536"], &["--port"]),
        (&["dump", "--port=-1"], &["--port"]),
        (&["dump", "--port", "memcached"], &["--port"]),
        (&["capture"], &["--output"]),
        (&["capture", "-o", "never-written", "--before", "5"], &["--trigger"]),
        (&["capture", "-o", "never-written", "--keep", "5"], &["--rotate"]),
        (&["report"], &["<FILE>"]),
        (&["replay"], &["<FILE>"]),
        (&["completions", "tcsh"], &["'tcsh'", "bash", "zsh", "fish"]),
        (&["report", FLASH_SALE, "another"], &["'another'"]),
        (&["dump", "--sort"], &["--sort"]),
    ] {
        let paragraph = refusal(&mut mctop(arguments), 2);
        for name in named {
            assert!(paragraph.contains(name), "{name} is not in: {paragraph}");
        }
        assert!(paragraph.contains("--help"), "{paragraph}");
    }
}

#[test]
fn standard_output_cannot_be_rotated() {
    let paragraph = refusal(&mut mctop(&["capture", "-o", "-", "--rotate", "1s"]), 2);
    assert!(paragraph.contains("--rotate") && paragraph.contains("-o"), "{paragraph}");
}

#[test]
fn control_characters_in_arguments_are_escaped_in_errors() {
    let paragraph = refusal(&mut mctop(&["dump", "--sort", "\u{1b}]0;owned\u{7}\n"]), 2);
    assert!(paragraph.contains("owned"), "{paragraph}");
    refusal(&mut mctop(&["\u{1b}[2J\r\n"]), 2);
}

#[test]
fn without_a_terminal_the_live_table_refers_to_a_command_that_needs_none() {
    assert!(refusal(&mut mctop(&[]), 2).contains("mctop dump"));
    assert!(refusal(&mut mctop(&["replay", FLASH_SALE]), 2).contains("mctop report"));
}

#[test]
fn options_may_come_before_or_after_the_command() {
    let one: &[&[&str]] = &[
        &["-n", "1"],
        &["--limit=2"],
        &["--sort", "size"],
        &["-s", "hit", "-n3"],
        &["--filter", "shop"],
        &["-g", "auto"],
        &["--group=:2"],
        &["--no-hints"],
        &["--hints", "hot-key"],
        &["--memory", "2M"],
        &["--format", "csv"],
        &["--format", "json", "-n", "1", "--no-hints"],
        &["-v"],
        &["--strict"],
    ];
    for options in one {
        let after = output(&mut mctop(&[&["report", FLASH_SALE][..], options].concat()));
        assert_eq!(output(&mut mctop(&[options, &["report", FLASH_SALE][..]].concat())), after, "{options:?}");
    }
    let last = output(&mut mctop(&["report", FLASH_SALE, "-n", "1", "--sort", "size"]));
    let both = output(&mut mctop(&["-n", "5", "--sort", "hit", "report", FLASH_SALE, "--sort", "size", "-n", "1"]));
    assert_eq!(both, last);
    assert_eq!(output(&mut mctop(&["-v", "help", "dump"])), output(&mut mctop(&["dump", "--help"])));
}

#[test]
#[ignore = "needs root"]
fn servers_may_be_selected_before_or_after_the_command() {
    // No process has this id.
    for arguments in [&["--pid", "4294967295", "dump"][..], &["-v", "-p4294967295", "capture", "-o", "never-written"]] {
        assert!(refusal(&mut mctop(arguments), 4).contains("4294967295"));
    }
    for arguments in [&["--port", "1", "dump"][..], &["dump", "--port", "1"]] {
        assert!(refusal(&mut mctop(arguments), 4).contains("port 1"));
    }
    let doctor = mctop(&["--pid", "4294967295", "doctor", "--json"]).output().unwrap();
    assert!(String::from_utf8(doctor.stdout).unwrap().contains("4294967295"));
}
