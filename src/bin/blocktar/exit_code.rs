//! The one list of exit codes.

use std::process;

use blocktar::error::Error;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// It did what was asked.
    Done,
    /// What was compared is not the same.
    Differs,
    /// The command line says nothing that could be done.
    Usage,
    /// The operating system refused a call.
    Io,
    /// An archive ends before its end member does.
    Incomplete,
    /// An archive contradicts itself.
    Damaged,
    /// A safety rule forbids it, or this version does not understand it.
    Refused,
    /// An archive does not build on what is there.
    WrongChain,
    /// It did what was asked, but some ranges could not be read when the backup was made, or are lost.
    BadRanges,
    /// A signal asked to stop.
    Interrupted {
        /// The number of the signal.
        signal: i32,
    },
}

/// The codes as users see them in `--help`.
const TABLE: [(ExitCode, &str); 9] = [
    (ExitCode::Done, "done"),
    (ExitCode::Differs, "it differs (compare)"),
    (ExitCode::Usage, "wrong usage"),
    (ExitCode::Io, "input or output failed"),
    (ExitCode::Incomplete, "the archive is incomplete"),
    (ExitCode::Damaged, "the archive is damaged"),
    (ExitCode::Refused, "refused: unsafe, or not understood"),
    (ExitCode::WrongChain, "wrong chain: the archive does not build on what is there"),
    (ExitCode::BadRanges, "done, but with bad or lost ranges"),
];

impl ExitCode {
    /// The number that the process leaves.
    pub fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Differs => 1,
            Self::Usage => 2,
            Self::Io => 3,
            Self::Incomplete => 4,
            Self::Damaged => 5,
            Self::Refused => 6,
            Self::WrongChain => 7,
            Self::BadRanges => 8,
            // As shells do it: 130 after SIGINT, 143 after SIGTERM.
            Self::Interrupted { signal } => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }

    /// The worse of two outcomes, for commands that look at several things.
    pub fn worse(self, other: Self) -> Self {
        if other.badness() > self.badness() { other } else { self }
    }

    fn badness(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::BadRanges => 1,
            Self::Differs => 2,
            Self::Incomplete => 3,
            Self::WrongChain => 4,
            Self::Refused => 5,
            Self::Damaged => 6,
            Self::Io => 7,
            Self::Usage => 8,
            Self::Interrupted { .. } => 9,
        }
    }
}

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        match error {
            Error::Io(_) => Self::Io,
            Error::Incomplete { .. } => Self::Incomplete,
            Error::Damaged { .. } => Self::Damaged,
            Error::Refused(_) => Self::Refused,
            Error::WrongChain(_) => Self::WrongChain,
            Error::Interrupted { signal } => Self::Interrupted { signal: *signal },
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

/// The list of exit codes for `--help`.
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in TABLE {
        text += &format!("  {:<7}  {meaning}\n", code.number());
    }
    text + "  130,143  interrupted by Ctrl-C, by SIGTERM (128 + signal)"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_from_zero() {
        for (number, (code, _)) in TABLE.into_iter().enumerate() {
            assert_eq!(usize::from(code.number()), number);
        }
    }

    #[test]
    fn each_error_has_its_code() {
        let io = Error::io("reading", "disk.img", std::io::Error::from(std::io::ErrorKind::NotFound));
        let cases = [
            (io, 3),
            (Error::incomplete("a.tar", "it ends"), 4),
            (Error::damaged("a.tar", "it lies"), 5),
            (Error::refused("restore", "no", None), 6),
            (Error::wrong_chain("restore", "no", None), 7),
            (Error::Interrupted { signal: 2 }, 130),
            (Error::Interrupted { signal: 15 }, 143),
        ];
        for (error, number) in cases {
            assert_eq!(ExitCode::from(&error).number(), number, "{error}");
        }
    }

    #[test]
    fn damage_is_worse_than_bad_ranges_and_an_early_end() {
        let worst = [ExitCode::BadRanges, ExitCode::Damaged, ExitCode::Incomplete, ExitCode::Done]
            .into_iter()
            .fold(ExitCode::Done, ExitCode::worse);
        assert_eq!(worst, ExitCode::Damaged);
    }

    #[test]
    fn help_names_every_code() {
        let text = help();
        for number in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "6 ", "7 ", "8 ", "130,143"] {
            assert!(text.contains(&format!("\n  {number}")), "{number} in {text}");
        }
    }
}
