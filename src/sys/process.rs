//! Which process this is, for marks that outlive it.

use std::fs;

use super::host;

/// A process, told apart from every other, also from one that gets its number later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessMark {
    host: String,
    /// The kernel's name for the time since it was started.
    boot: String,
    number: u32,
    /// When the process was started, in ticks of that kernel.
    started: u64,
}

impl ProcessMark {
    /// This process.
    pub fn of_this() -> Self {
        let number = std::process::id();
        Self { host: this_host(), boot: this_boot(), number, started: started(number).unwrap_or(0) }
    }

    /// As one word of letters, digits, and `. - _ :`.
    pub fn to_word(&self) -> String {
        let Self { host, boot, number, started } = self;
        format!("{host}:{boot}:{number}:{started}")
    }

    /// Reads such a word; `None` if it is none.
    pub fn from_word(word: &str) -> Option<Self> {
        let [host, boot, number, started] = <[&str; 4]>::try_from(word.split(':').collect::<Vec<_>>()).ok()?;
        let (host, boot) = (host.to_owned(), boot.to_owned());
        Some(Self { host, boot, number: number.parse().ok()?, started: started.parse().ok()? })
    }

    /// Whether it certainly runs no longer: it ran on this host, before its last start or under a number that is another's now.
    pub fn is_gone(&self) -> bool {
        self.host == this_host() && (self.boot != this_boot() || started(self.number) != Some(self.started))
    }
}

fn this_host() -> String {
    let plain = |one: char| if one.is_ascii_alphanumeric() || ".-".contains(one) { one } else { '_' };
    host::name().unwrap_or_default().chars().map(plain).collect()
}

fn this_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn started(number: u32) -> Option<u64> {
    Stat::of(number).map(|stat| stat.started)
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    /// It has ended, and only waits to be counted off by the one that started it.
    pub(super) has_ended: bool,
    /// Who started it.
    pub(super) parent: u32,
    /// When it was started, in ticks since the machine was.
    pub(super) started: u64,
}

impl Stat {
    /// Of the process with this number; `None` if there is none.
    pub(super) fn of(number: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{number}/stat")).ok()?)
    }

    /// The third, fourth and 22nd fields of proc_pid_stat(5); the second, the name in brackets, may hold anything.
    fn parse(stat: &str) -> Option<Self> {
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
        Some(Self { has_ended: state == "Z", parent, started: fields.nth(17)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_who_started_a_process_and_when() {
        let stat = |state| format!("7 (a) 1 (b) {state} 5 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 8192 1\n");
        assert_eq!(Stat::parse(&stat("S")), Some(Stat { has_ended: false, parent: 5, started: 4711 }));
        assert!(Stat::parse(&stat("Z")).unwrap().has_ended);
        assert_eq!(Stat::parse("7 (a) S 5"), None);
        let this = Stat::of(std::process::id()).unwrap();
        assert_eq!(this.parent, nix::unistd::getppid().as_raw().cast_unsigned());
    }

    #[test]
    fn a_process_is_gone_when_it_has_ended() {
        let this = ProcessMark::of_this();
        assert!(!this.is_gone());
        assert_eq!(ProcessMark::from_word(&this.to_word()), Some(this.clone()));
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let other = ProcessMark { number: child.id(), started: started(child.id()).unwrap(), ..this.clone() };
        assert!(!other.is_gone());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(other.is_gone());
        assert!(ProcessMark { started: this.started + 1, ..this.clone() }.is_gone());
        assert!(ProcessMark { boot: "another".into(), ..this.clone() }.is_gone());
        // Of another host nothing is known.
        assert!(!ProcessMark { host: "another".into(), boot: "another".into(), ..this }.is_gone());
    }

    #[test]
    fn what_is_no_mark_is_none() {
        for word in ["", "a:b:c:d", "a:b:1", "a:b:1:2:3", "a:b:-1:2"] {
            assert_eq!(ProcessMark::from_word(word), None, "{word}");
        }
    }
}
