//! What was probably meant by a command line that says something else.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::values::shell_word;

/// The same error with a hint, where one is known: so far, for a word too many.
pub fn with_hint(mut error: clap::Error, command: clap::Command, words: impl Iterator<Item = OsString>) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return error };
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    if word.starts_with('-') {
        if let Some(hint) = without_input_option(word, command, words.collect()) {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
        }
        return error;
    }
    let understood = command.ignore_errors(true).try_get_matches_from(words).ok();
    let hint = understood.as_ref().and_then(clap::ArgMatches::subcommand).and_then(|(name, arguments)| {
        let given = |id: &str| arguments.try_get_raw(id).ok().flatten().and_then(|mut values| values.next());
        let (second, quoted) = (shell_word(Path::new(word)), |first| shell_word(Path::new(first)));
        match name {
            "restore" if given("input").is_none() => Some(format!(
                "the archive is named by `-i`: `blocktar restore -i {} {second}`",
                quoted(given("target")?)
            )),
            "backup" if given("output").is_none() => Some(format!(
                "the archive is named by `-o`: `blocktar backup {} -o {second}`",
                quoted(given("source")?)
            )),
            _ => None,
        }
    });
    if let Some(hint) = hint {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    error
}

/// The line without `-i`, where that is a line: only `restore` names its archive so.
fn without_input_option(word: &str, command: clap::Command, mut words: Vec<OsString>) -> Option<String> {
    if !["-i", "--input"].contains(&word) {
        return None;
    }
    words.remove(words.iter().position(|given| given == word)?);
    let understood = command.try_get_matches_from(&words).ok()?;
    let takes_an_archive = ["list", "info", "verify", "compare", "extract", "recompress", "merge", "reblock"];
    takes_an_archive.contains(&understood.subcommand_name()?).then(|| {
        let line: Vec<_> = words.iter().skip(1).map(|given| shell_word(Path::new(given))).collect();
        format!("the archive needs no {word}: `blocktar {}`", line.join(" "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use clap::{CommandFactory, Parser};

    fn said(line: &str) -> String {
        let words = || line.split(' ').map(OsString::from);
        let error = Arguments::try_parse_from(words()).unwrap_err();
        with_hint(error, Arguments::command(), words()).to_string()
    }

    #[test]
    fn a_word_too_many_is_met_with_the_line_that_was_meant() {
        let cases = [
            ("blocktar restore backup.tar new.img", "`blocktar restore -i backup.tar new.img`"),
            ("blocktar restore backup.tar --overwrite it's", r"`blocktar restore -i backup.tar 'it'\''s'`"),
            ("blocktar -q backup disk.img backup.tar", "`blocktar backup disk.img -o backup.tar`"),
        ];
        for (line, hint) in cases {
            assert!(said(line).contains("tip: ") && said(line).contains(hint), "{line}: {}", said(line));
        }
    }

    #[test]
    fn an_archive_that_is_named_as_restore_names_it_is_met_with_the_line_without() {
        let cases = [
            ("blocktar verify -i a.tar", "needs no -i: `blocktar verify a.tar`"),
            ("blocktar list --input a.tar", "needs no --input: `blocktar list a.tar`"),
            ("blocktar info --json -i it's", r"needs no -i: `blocktar info --json 'it'\''s'`"),
            ("blocktar compare -i a.tar disk.img", "`blocktar compare a.tar disk.img`"),
            ("blocktar extract -i a.tar --offset 1M", "`blocktar extract a.tar --offset 1M`"),
            ("blocktar recompress -i a.tar -o b.tar", "`blocktar recompress a.tar -o b.tar`"),
            ("blocktar reblock -i a.tar -o b.tar", "`blocktar reblock a.tar -o b.tar`"),
        ];
        for (line, hint) in cases {
            assert!(said(line).contains(hint) && !said(line).contains("as a value"), "{line}: {}", said(line));
        }
        for line in ["blocktar backup -i disk.img", "blocktar compare -i a.tar", "blocktar man -i a.tar"] {
            assert!(!said(line).contains("needs no"), "{line}: {}", said(line));
        }
    }

    #[test]
    fn nothing_is_guessed_otherwise() {
        for line in ["blocktar restore -i a.tar b c", "blocktar backup a --verrify", "blocktar backup", "blocktar fly"]
        {
            assert!(!said(line).contains("named by") && !said(line).contains("at a time"), "{}", said(line));
        }
    }
}
