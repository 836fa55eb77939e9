//! `completions`: the script by which a shell completes blocktar's command lines, made from their definition.

use std::any::TypeId;
use std::path::PathBuf;

use blocktar::archive::{Compression, DigestKind};
use blocktar::error::Result;
use blocktar::location::Location;
use clap::builder::PossibleValuesParser;
use clap::{Arg, CommandFactory, ValueHint};
use clap_complete::shells;

use crate::answer;
use crate::arguments::{Arguments, CompletionsArguments, Shell};
use crate::exit_code::ExitCode;
use crate::values::Stream;

/// What a shell offers for a digest and for a compression; other levels can be typed.
const DIGESTS: [&str; 2] = ["sha256", "blake3"];
const COMPRESSIONS: [&str; 2] = ["none", "zstd"];

/// Ends the script for bash, which by itself has two faults: where a file may stand it offers the options, and the files only once part of
/// a name is typed; and it does not see that the word behind `--digest=` is the value of that option.
const BASH_END: &str = r#"
_blocktar_or_files() {
    local before=$3 word words=()
    [[ $before == "=" ]] && before=${COMP_WORDS[COMP_CWORD-2]}
    _blocktar "$1" "$2" "$before"
    [[ $2 == -* ]] && return
    for word in "${COMPREPLY[@]}"; do
        [[ $word == -* ]] || words+=("$word")
    done
    COMPREPLY=("${words[@]}")
}
complete -F _blocktar_or_files -o nosort -o bashdefault -o default blocktar
"#;

/// Runs the command.
pub fn run(arguments: &CompletionsArguments) -> Result<ExitCode> {
    answer::print(&script(arguments.shell))?;
    Ok(ExitCode::Done)
}

/// The script for a shell.
fn script(shell: Shell) -> Vec<u8> {
    let mut command = Arguments::command().mut_args(completed).mut_subcommands(|command| command.mut_args(completed));
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    match shell {
        Shell::Bash => {
            clap_complete::generate(shells::Bash, &mut command, name, &mut script);
            script.extend_from_slice(BASH_END.as_bytes());
        }
        Shell::Zsh => clap_complete::generate(shells::Zsh, &mut command, name, &mut script),
        Shell::Fish => clap_complete::generate(shells::Fish, &mut command, name, &mut script),
    }
    script
}

/// The argument with what a shell may offer for it, by the type that its value becomes: so no new option can be forgotten.
fn completed(argument: Arg) -> Arg {
    if !argument.get_action().takes_values() || !argument.get_possible_values().is_empty() {
        return argument;
    }
    let kind = argument.get_value_parser().type_id();
    let paths = [TypeId::of::<PathBuf>(), TypeId::of::<Stream>(), TypeId::of::<Location>()];
    if paths.iter().any(|path| kind == *path) {
        argument.value_hint(ValueHint::FilePath)
    } else if kind == TypeId::of::<DigestKind>() {
        offering(argument, &DIGESTS)
    } else if kind == TypeId::of::<Compression>() {
        offering(argument, &COMPRESSIONS)
    } else {
        argument.value_hint(ValueHint::Other)
    }
}

/// The argument as if it took these words only; a default that is none of them would contradict that.
fn offering(argument: Arg, words: &'static [&'static str]) -> Arg {
    argument.default_value(None::<&'static str>).value_parser(PossibleValuesParser::new(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_understood() {
        for word in DIGESTS {
            assert!(word.parse::<DigestKind>().is_ok(), "{word}");
        }
        for word in COMPRESSIONS {
            assert!(word.parse::<Compression>().is_ok(), "{word}");
        }
    }

    #[test]
    fn values_are_completed_by_their_types() {
        let command = Arguments::command().mut_subcommands(|command| command.mut_args(completed));
        let backup = command.find_subcommand("backup").unwrap();
        let argument = |name: &str| backup.get_arguments().find(|argument| argument.get_id() == name).unwrap();
        for name in ["source", "output", "attach"] {
            assert_eq!(argument(name).get_value_hint(), ValueHint::FilePath, "{name}");
        }
        for name in ["name", "meta", "bwlimit", "threads"] {
            assert_eq!(argument(name).get_value_hint(), ValueHint::Other, "{name}");
        }
        for (name, offered) in [("digest", "blake3"), ("compression", "zstd"), ("progress", "bar")] {
            assert!(argument(name).get_possible_values().iter().any(|value| value.matches(offered, false)), "{name}");
        }
    }

    #[test]
    fn every_command_and_option_is_in_every_script() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).unwrap();
            for command in Arguments::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell:?}: {}", command.get_name());
                for option in command.get_arguments().filter_map(Arg::get_long) {
                    assert!(script.contains(option), "{shell:?}: {option}");
                }
            }
        }
    }
}
