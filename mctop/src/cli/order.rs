//! Options before the command mean what they mean behind it.
//!
//! clap would take them for those of the program without a command, so they are put behind the command before it looks: then the
//! command's own declaration decides on each of them, in one place.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// The arguments with the options that stand before the command right behind it. Among options that take one value, the last one
/// counts, and that is then the one behind the command. `program` is built.
pub(super) fn options_behind_command(arguments: Vec<OsString>, program: &Command) -> Vec<OsString> {
    let Some(place) = command_place(&arguments, program).filter(|place| *place > 1) else { return arguments };
    let (before, from_command) = arguments.split_at(place);
    let (name, options) = before.split_at(1);
    let (command, behind) = from_command.split_at(1);
    // Help on a command depends on no option.
    let options = if command == ["help"] { &[] } else { options };
    [name, command, options, behind].concat()
}

/// Where the name of a command stands with nothing but options before it, if anywhere.
fn command_place(arguments: &[OsString], program: &Command) -> Option<usize> {
    let mut place = 1;
    loop {
        let argument = arguments.get(place)?.to_str()?;
        let takes_next = match argument.strip_prefix("--") {
            // What follows is no option and no command.
            Some("") => return None,
            Some(long) if long.contains('=') => false,
            Some(long) => takes_next(option(program, |arg| has_long(arg, long))?)?,
            None => match argument.strip_prefix('-').filter(|shorts| !shorts.is_empty()) {
                Some(shorts) => last_takes_next(program, shorts)?,
                None => {
                    let is_command = program.get_subcommands().any(|command| command.get_name() == argument);
                    return is_command.then_some(place);
                }
            },
        };
        place += if takes_next { 2 } else { 1 };
    }
}

/// Of one-letter options in one argument, whether the last one takes its value from the next: `-v`, `-vp 1`, but not `-n5`.
fn last_takes_next(program: &Command, shorts: &str) -> Option<bool> {
    let mut shorts = shorts.chars();
    while let Some(short) = shorts.next() {
        let arg = option(program, |arg| arg.get_short_and_visible_aliases().is_some_and(|all| all.contains(&short)))?;
        if takes_next(arg)? {
            return Some(shorts.as_str().is_empty());
        }
    }
    Some(false)
}

/// Whether an option takes the next argument as its value. None of those that print something and exit: these stay where they are.
fn takes_next(arg: &Arg) -> Option<bool> {
    match arg.get_action() {
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version => None,
        action => {
            let needs_value = arg.get_num_args().is_none_or(|number| number.min_values() > 0);
            Some(action.takes_values() && needs_value && !arg.is_require_equals_set())
        }
    }
}

/// The first option of the program and its commands of which something holds. Options of one name take their values in the same way
/// everywhere.
fn option(program: &Command, is_meant: impl Fn(&Arg) -> bool) -> Option<&Arg> {
    let mut all = program.get_arguments().chain(program.get_subcommands().flat_map(Command::get_arguments));
    all.find(|arg| is_meant(arg))
}

fn has_long(arg: &Arg, long: &str) -> bool {
    arg.get_long_and_visible_aliases().is_some_and(|all| all.contains(&long))
}

/// Of an option that a command does not have: which ones do, in a sentence.
pub(super) fn who_has(option: &str, arguments: &[OsString], program: &Command) -> Option<String> {
    let place = command_place(arguments, program)?;
    let asked = arguments.get(place).and_then(|name| name.to_str())?;
    let is_meant = |arg: &Arg| match option.strip_prefix("--") {
        Some(long) => has_long(arg, long),
        None => {
            option.strip_prefix('-').is_some_and(|short| arg.get_short().is_some_and(|known| short.starts_with(known)))
        }
    };
    let has = |command: &Command| command.get_arguments().any(is_meant);
    let without = has(program).then(|| "mctop without a command".to_owned());
    let commands = program.get_subcommands().filter(|command| has(command));
    let names: Vec<String> =
        without.into_iter().chain(commands.map(|command| format!("mctop {}", command.get_name()))).collect();
    let (last, others) = names.split_last()?;
    let list = if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) };
    let verb = if others.is_empty() { "has" } else { "have" };
    Some(format!("mctop {asked} has no option {option}; {list} {verb} it."))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::Cli;

    fn program() -> Command {
        let mut program = Cli::command();
        program.build();
        program
    }

    fn ordered(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let ordered = options_behind_command(arguments, &program());
        ordered.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_go_behind_the_command_with_their_values() {
        for (given, expected) in [
            ("mctop dump", "mctop dump"),
            ("mctop -v dump", "mctop dump -v"),
            ("mctop --port 11211 dump -d 1s", "mctop dump --port 11211 -d 1s"),
            ("mctop --port=11211 dump", "mctop dump --port=11211"),
            ("mctop -vp 1 -n5 dump", "mctop dump -vp 1 -n5"),
            ("mctop -vp1 dump", "mctop dump -vp1"),
            ("mctop --filter dump dump", "mctop dump --filter dump"),
            ("mctop --filter dump", "mctop --filter dump"),
            ("mctop -f -x report F", "mctop report -f -x F"),
            ("mctop -g -1 report F", "mctop report -g -1 F"),
            ("mctop --redact dump", "mctop dump --redact"),
            ("mctop --redact=a dump", "mctop dump --redact=a"),
            ("mctop -d 1s --format json dump", "mctop dump -d 1s --format json"),
            ("mctop -v help dump", "mctop help dump"),
            // What is not known is left to clap, and so is what ends the program.
            ("mctop --srot calls dump", "mctop --srot calls dump"),
            ("mctop -v dmup", "mctop -v dmup"),
            ("mctop --help dump", "mctop --help dump"),
            ("mctop -v -- dump", "mctop -v -- dump"),
            ("mctop - dump", "mctop - dump"),
            ("mctop --filter", "mctop --filter"),
            ("mctop", "mctop"),
        ] {
            assert_eq!(ordered(given), expected);
        }
    }

    #[test]
    fn options_of_one_name_take_values_alike() {
        let program = program();
        let mut known = HashMap::new();
        for arg in program.get_arguments().chain(program.get_subcommands().flat_map(Command::get_arguments)) {
            let long = arg.get_long().map(|long| format!("--{long}"));
            for name in long.into_iter().chain(arg.get_short().map(|short| format!("-{short}"))) {
                let takes = takes_next(arg);
                assert_eq!(*known.entry(name.clone()).or_insert(takes), takes, "{name}");
            }
        }
    }

    #[test]
    fn the_last_value_counts_and_lists_add_up() {
        let line = "mctop --pid 1 -f a --no-hints -v --strict -d 1s dump --strict --pid 2 -f b -v -d 2s";
        let arguments = options_behind_command(line.split(' ').map(OsString::from).collect(), &program());
        let cli = Cli::try_parse_from(arguments).unwrap();
        let Some(crate::cli::Command::Dump(dump)) = cli.command else { panic!("no dump") };
        assert_eq!(dump.target.pids, [1, 2]);
        assert_eq!(dump.view.filter.unwrap().source(), "b");
        assert_eq!(dump.duration.as_secs(), 2);
        assert!(cli.general.verbose && dump.view.no_hints && dump.strict.strict);
    }

    #[test]
    fn who_has_an_option_is_told() {
        let told = |option, line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            who_has(option, &arguments, &program())
        };
        assert_eq!(
            told("--rotate", "mctop dump --rotate 1h").as_deref(),
            Some("mctop dump has no option --rotate; mctop capture has it.")
        );
        let pid = told("-p", "mctop report -p 1").unwrap();
        assert!(pid.contains("mctop without a command, mctop dump, mctop capture and mctop doctor have it"), "{pid}");
        assert_eq!(told("--lines", "mctop dump --lines"), None);
        assert_eq!(told("--rotate", "mctop --rotate"), None);
    }
}
