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

/// The 22nd field of its stat (proc(5)); the second, its name in brackets, may hold anything.
fn started(number: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
