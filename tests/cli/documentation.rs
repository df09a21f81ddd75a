//! What the program prints about itself: help, version, completions and the man page.

use clap::{Arg, CommandFactory};
use mctop::internal::Cli;
use mctop_test_support::program::{file, mctop, output, prepared, text};

/// Names of the commands, `help` included.
fn commands() -> Vec<String> {
    let mut cli = Cli::command();
    cli.build();
    cli.get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Long options of the program and its commands.
fn options() -> Vec<String> {
    let cli = Cli::command();
    let arguments = cli.get_arguments().chain(cli.get_subcommands().flat_map(clap::Command::get_arguments));
    let mut options: Vec<String> = arguments.filter_map(Arg::get_long).map(|long| format!("--{long}")).collect();
    options.sort_unstable();
    options.dedup();
    options
}

/// The long options of the program and its commands that help shows: what scripts rely on.
const OPTIONS: [(&str, &str); 9] = [
    (
        "",
        "all budget columns config debug-file detail filter group help hints interval limit memory no-hints no-mouse pid port \
         print-config rates redact redact-key sort symbols theme verbose version",
    ),
    (
        "capture",
        "all before budget compress config debug-file detail duration help interval keep keys memory output pid port redact \
         redact-key rotate strict symbols trigger until verbose",
    ),
    ("completions", "config help symbols verbose"),
    ("diff", "config filter format group help limit memory redact redact-key sort symbols verbose"),
    ("doctor", "all config debug-file help json memory pid port symbols verbose"),
    (
        "dump",
        "all budget config debug-file detail duration filter format group help hints limit memory no-hints pid port redact \
         redact-key sort strict symbols verbose wait-for",
    ),
    ("man", "config help symbols verbose"),
    (
        "replay",
        "columns config filter group help hints limit memory no-hints no-mouse print-config rates redact redact-key sort \
         symbols theme verbose",
    ),
    (
        "report",
        "config filter format group help hints limit memory no-hints redact redact-key sort strict symbols verbose",
    ),
];

#[test]
fn help_lists_every_command_and_option_within_the_width_of_the_terminal() {
    let whole = output(&mut mctop(&["--help"]));
    insta::assert_snapshot!("help", whole);
    assert!(commands().iter().all(|command| whole.contains(&format!("\n  {command} "))), "{whole}");
    assert_eq!(commands().len(), OPTIONS.len());
    for (command, options) in OPTIONS {
        let arguments: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let help = output(&mut mctop(&arguments));
        let listed = help.lines().filter_map(|line| {
            // As in `  -p, --pid` and `      --port`.
            let line = line.strip_prefix("      ").or_else(|| line.strip_prefix("  "))?;
            let line = line.split_once(", ").filter(|(short, _)| short.len() == 2).map_or(line, |(_, long)| long);
            let name = line.strip_prefix("--")?;
            name.split(|character: char| !character.is_ascii_lowercase() && character != '-').next()
        });
        let mut listed: Vec<&str> = listed.collect();
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.join(" "), options, "mctop {command}: {help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        assert!(command.is_empty() || output(&mut mctop(&["help", command])) == help, "mctop help {command}");
    }
}

#[test]
fn the_version_names_the_object_that_was_committed() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let arch = std::env::consts::ARCH;
    let hash = manifest["objects"][format!("mctop-{arch}.bpf.o")]["sha256"].as_str().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(output(&mut mctop(&["--version"])), format!("mctop {version}\neBPF object: {arch} sha256 {hash}\n"));
    assert_eq!(output(&mut mctop(&["-V"])), format!("mctop {version}\n"));
}

#[test]
fn completions_contain_every_command_and_option() {
    for shell in ["bash", "zsh", "fish"] {
        let script = output(&mut mctop(&["completions", shell]));
        for option in options() {
            // fish lists long options without their dashes.
            let found = script.contains(&option) || script.contains(&format!("-l {}", option.trim_start_matches('-')));
            assert!(found, "{option} is not in the script for {shell}");
        }
        for command in commands() {
            assert!(script.contains(&command), "{command} is not in the script for {shell}");
        }
    }
}

#[test]
fn bash_can_load_the_completion_script() {
    let script = output(&mut mctop(&["completions", "bash"]));
    let (_directory, path) = file("mctop.bash", script.as_bytes());
    let check = "source \"$0\" && complete -p mctop";
    assert!(output(prepared("bash").args(["--norc", "-c", check, text(&path)])).contains("mctop"));
}

#[test]
fn the_man_page_names_every_command_option_and_exit_code() {
    let page = output(&mut mctop(&["man"])).replace("\\-", "-");
    assert!(page.contains(".TH mctop 1"));
    for name in commands().into_iter().chain(options()) {
        assert!(page.contains(&name), "{name} is not in the man page");
    }
    for code in ["0\nsuccess", "1\nfailure", "2\nbad option", "3\na privilege", "4\nno memcached", "5\nwith --strict"] {
        assert!(page.contains(code), "exit code {code} is not in the man page");
    }
}
