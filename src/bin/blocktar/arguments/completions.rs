//! What `completions` takes.

use clap::{Args, ValueEnum};

/// The examples of its help.
pub const EXAMPLES: &str = "\
Examples:
  blocktar completions bash > ~/.local/share/bash-completion/completions/blocktar
  blocktar completions zsh > ~/.zfunc/_blocktar
  blocktar completions fish > ~/.config/fish/completions/blocktar.fish

For zsh, the folder must be in fpath before compinit runs: fpath=(~/.zfunc $fpath) in ~/.zshrc.";

#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// Print the script for this shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// The shells that get a script: those that CI completes a command line in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash 4.4 or later
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}
