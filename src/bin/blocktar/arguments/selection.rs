//! Which archive of a tape is meant.

use blocktar::cartridge::Selector;
use clap::Args;

#[derive(Args, Clone, Debug, Default)]
pub struct SelectionArguments {
    /// On a tape, take the archive whose id begins so
    #[arg(long, value_name = "ID", conflicts_with_all = ["named", "file"])]
    id: Option<String>,
    /// On a tape, take the newest archive of this name
    #[arg(long = "name", value_name = "NAME", conflicts_with = "file")]
    named: Option<String>,
    /// On a tape, take the archive in this tape file, counted from 0
    #[arg(long, value_name = "N")]
    file: Option<u32>,
}

impl SelectionArguments {
    /// How the id begins, if one was named.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The same choice but for the id.
    pub fn without_id(&self) -> Self {
        Self { id: None, ..self.clone() }
    }

    /// The archive that is meant; `None` for the one before which the tape stands.
    pub fn selector(&self) -> Option<Selector> {
        let id = self.id.clone().map(Selector::Id);
        id.or_else(|| self.named.clone().map(Selector::Name)).or(self.file.map(Selector::File))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, parse};
    use super::*;

    fn selector(options: &str) -> Option<Selector> {
        let Command::Verify(verify) = parse(&format!("blocktar verify /dev/nst0{options}")).unwrap().command else {
            panic!()
        };
        verify.selection.selector()
    }

    #[test]
    fn one_way_of_choosing_at_a_time() {
        assert_eq!(selector(""), None);
        assert_eq!(selector(" --id 0193"), Some(Selector::Id("0193".to_owned())));
        assert_eq!(selector(" --name web1"), Some(Selector::Name("web1".to_owned())));
        assert_eq!(selector(" --file 3"), Some(Selector::File(3)));
        for two in ["--id a --name b", "--id a --file 1", "--name a --file 1"] {
            assert!(parse(&format!("blocktar verify /dev/nst0 {two}")).is_err(), "{two}");
        }
        assert!(parse("blocktar verify /dev/nst0 --file -1").is_err());
    }
}
