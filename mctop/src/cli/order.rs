//! Options before the command mean the same as after it.
//!
//! clap would take them for options of the live table, so they are moved behind the command before clap sees them. The command's
//! own declaration then decides about each of them.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// The arguments, with options that stand before the command moved right behind it. If an option is repeated, the last one
/// counts, which is then the one that already stood behind the command. `program` is built.
pub(super) fn options_after_command(arguments: Vec<OsString>, program: &Command) -> Vec<OsString> {
    let Some(place) = command_place(&arguments, program).filter(|place| *place > 1) else { return arguments };
    let (before, from_command) = arguments.split_at(place);
    let (name, options) = before.split_at(1);
    let (command, after) = from_command.split_at(1);
    // The help on a command does not depend on options.
    let options = if command == ["help"] { &[] } else { options };
    [name, command, options, after].concat()
}

/// The position of the command, if only options stand before it.
fn command_place(arguments: &[OsString], program: &Command) -> Option<usize> {
    let mut place = 1;
    loop {
        let argument = arguments.get(place)?.to_str()?;
        let takes_next = match argument.strip_prefix("--") {
            // What follows is neither an option nor a command.
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

/// The name of the command, if there is one.
pub(super) fn command_name<'a>(arguments: &'a [OsString], program: &Command) -> Option<&'a str> {
    arguments.get(command_place(arguments, program)?)?.to_str()
}

/// Whether the last of several one-letter options in one argument takes the next argument as its value: `-v`, `-vp 1`, but not
/// `-n5`.
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

/// Whether an option takes the next argument as its value. `None` for options that print something and exit: they stay where they
/// are.
fn takes_next(arg: &Arg) -> Option<bool> {
    match arg.get_action() {
        ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version => None,
        action => {
            let needs_value = arg.get_num_args().is_none_or(|number| number.min_values() > 0);
            Some(action.takes_values() && needs_value && !arg.is_require_equals_set())
        }
    }
}

/// The first matching option of the program and its commands. Options with the same name take their values in the same way in all
/// commands.
fn option(program: &Command, matches: impl Fn(&Arg) -> bool) -> Option<&Arg> {
    let mut all = program.get_arguments().chain(program.get_subcommands().flat_map(Command::get_arguments));
    all.find(|arg| matches(arg))
}

fn has_long(arg: &Arg, long: &str) -> bool {
    arg.get_long_and_visible_aliases().is_some_and(|all| all.contains(&long))
}

/// What to do about an argument that the command does not take, as sentences: use a command that has the option, or put `=` before
/// an optional value.
pub(super) fn advice(argument: &str, arguments: &[OsString], program: &Command) -> Option<String> {
    let before = arguments.iter().position(|given| given == argument).and_then(|at| arguments.get(at.checked_sub(1)?));
    let long = before.and_then(|before| before.to_str()?.strip_prefix("--"));
    if let Some(long) = long
        && option(program, |arg| has_long(arg, long) && arg.is_require_equals_set()).is_some()
    {
        return Some(format!(
            "unexpected argument '{argument}' found. If it is the value of --{long}, write --{long}='{argument}'."
        ));
    }
    let asked = command_name(arguments, program)?;
    let matches = |arg: &Arg| match argument.strip_prefix("--") {
        Some(long) => has_long(arg, long),
        None => argument
            .strip_prefix('-')
            .is_some_and(|short| arg.get_short().is_some_and(|known| short.starts_with(known))),
    };
    let has = |command: &Command| command.get_arguments().any(matches);
    let live = has(program).then(|| "mctop without a command".to_owned());
    let commands = program.get_subcommands().filter(|command| has(command));
    let names: Vec<String> =
        live.into_iter().chain(commands.map(|command| format!("mctop {}", command.get_name()))).collect();
    let (last, others) = names.split_last()?;
    let list = if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) };
    let verb = if others.is_empty() { "has" } else { "have" };
    Some(format!("mctop {asked} has no option {argument}; {list} {verb} it."))
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
        let ordered = options_after_command(arguments, &program());
        ordered.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_move_behind_the_command_with_their_values() {
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
            // Unknown options are left to clap, and so are those that print something and exit.
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
    fn options_with_the_same_name_take_values_alike() {
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
        let arguments = options_after_command(line.split(' ').map(OsString::from).collect(), &program());
        let cli = Cli::try_parse_from(arguments).unwrap();
        let Some(crate::cli::Command::Dump(dump)) = cli.command else { panic!("no dump") };
        assert_eq!(dump.target.pids, [1, 2]);
        assert_eq!(dump.view.filter.unwrap().source(), "b");
        assert_eq!(dump.duration.as_secs(), 2);
        assert!(cli.general.verbose && dump.view.no_hints && dump.strict.strict);
    }

    #[test]
    fn advice_names_the_commands_that_have_an_option() {
        let advice = |argument, line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            advice(argument, &arguments, &program())
        };
        assert_eq!(
            advice("--rotate", "mctop dump --rotate 1h").as_deref(),
            Some("mctop dump has no option --rotate; mctop capture has it.")
        );
        let pid = advice("-p", "mctop report -p 1").unwrap();
        assert!(pid.contains("mctop without a command, mctop dump, mctop capture and mctop doctor have it"), "{pid}");
        assert_eq!(advice("--lines", "mctop dump --lines"), None);
        assert_eq!(advice("--rotate", "mctop --rotate"), None);
        let redact = advice("user:1", "mctop dump --redact user:1").unwrap();
        assert!(redact.ends_with("write --redact='user:1'."), "{redact}");
    }
}
