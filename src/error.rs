//! The one error type: what was being done, to what, why it failed, and what helps.

use std::fmt;
use std::io;

use crate::extent::Range;

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation ended early. Each variant has an exit code of its own.
#[derive(Debug)]
pub enum Error {
    /// The operating system refused a call: reading, writing, opening, syncing.
    Io(Box<IoFailure>),
    /// An archive ends before its end member does.
    Incomplete {
        /// The archive, as the user named it.
        archive: String,
        /// Where it ends and what is missing.
        why: String,
        /// The device ranges that are missing; empty where nothing is known of them.
        affected: Vec<Range>,
        /// What helps, where that is not another copy of it.
        remedy: Option<String>,
    },
    /// An archive says something that cannot be true.
    Damaged {
        /// The archive, as the user named it.
        archive: String,
        /// What was found, and at which position.
        why: String,
        /// The device ranges that are affected; empty where nothing is known of them.
        affected: Vec<Range>,
    },
    /// A safety rule forbids it, or this version does not understand it.
    Refused(Refusal),
    /// An archive does not build on what the target holds.
    WrongChain(Refusal),
    /// A signal or the caller asked to stop.
    Interrupted {
        /// The number of the signal: 2 for SIGINT, 15 for SIGTERM.
        signal: i32,
    },
}

/// A failed call of the operating system.
#[derive(Debug)]
pub struct IoFailure {
    /// What was being done, as a gerund: `reading`.
    pub doing: &'static str,
    /// To what: a path, or `standard output`.
    pub what: String,
    /// What the operating system said.
    pub cause: io::Error,
    /// What helps, where that is known.
    pub remedy: Option<String>,
}

/// Something that could be done, but must not be.
#[derive(Debug)]
pub struct Refusal {
    /// What was asked, as a phrase: `restore onto /dev/vg/lv`.
    pub request: String,
    /// Why it is refused.
    pub why: String,
    /// What helps, where that is known.
    pub remedy: Option<String>,
}

/// A failure with what helps against it, as the cause of an [`io::Error`]: so both come through where only that can be given.
#[derive(Debug)]
pub struct Advised {
    /// Why it failed, as a sentence.
    pub why: String,
    /// What helps.
    pub remedy: String,
    /// What the operating system said, if it was asked.
    pub cause: Option<io::Error>,
}

impl From<Advised> for io::Error {
    fn from(advised: Advised) -> Self {
        Self::new(advised.cause.as_ref().map_or(io::ErrorKind::Other, io::Error::kind), advised)
    }
}

impl fmt::Display for Advised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{} ({cause})", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for Advised {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl Error {
    /// A failed call: `doing` is a gerund, `what` the file or device.
    pub fn io(doing: &'static str, what: impl Into<String>, cause: impl Into<io::Error>) -> Self {
        let (what, cause) = (what.into(), cause.into());
        let remedy = io_remedy(&what, &cause);
        Self::Io(Box::new(IoFailure { doing, what, cause, remedy }))
    }

    /// An archive that ends too early.
    pub fn incomplete(archive: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Incomplete { archive: archive.into(), why: why.into(), affected: Vec::new(), remedy: None }
    }

    /// An archive that contradicts itself or the specification.
    pub fn damaged(archive: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { archive: archive.into(), why: why.into(), affected: Vec::new() }
    }

    /// A request that a safety rule forbids.
    pub fn refused(request: impl Into<String>, why: impl Into<String>, remedy: Option<String>) -> Self {
        Self::Refused(Refusal { request: request.into(), why: why.into(), remedy })
    }

    /// An archive that does not build on what is there.
    pub fn wrong_chain(request: impl Into<String>, why: impl Into<String>, remedy: Option<String>) -> Self {
        Self::WrongChain(Refusal { request: request.into(), why: why.into(), remedy })
    }

    /// The same error with this remedy.
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        match &mut self {
            Self::Io(failure) => failure.remedy = Some(remedy.into()),
            Self::Refused(refusal) | Self::WrongChain(refusal) => refusal.remedy = Some(remedy.into()),
            Self::Incomplete { remedy: known, .. } => *known = Some(remedy.into()),
            Self::Damaged { .. } | Self::Interrupted { .. } => {}
        }
        self
    }

    /// The device ranges that cannot be trusted because of it; empty where nothing is known of them.
    pub fn affected(&self) -> &[Range] {
        match self {
            Self::Damaged { affected, .. } | Self::Incomplete { affected, .. } => affected,
            _ => &[],
        }
    }

    /// The same error of an archive, with these ranges unless it names some already.
    pub fn with_affected(mut self, range: Range) -> Self {
        if let Self::Damaged { affected, .. } | Self::Incomplete { affected, .. } = &mut self
            && affected.is_empty()
            && range.length > 0
        {
            affected.push(range);
        }
        self
    }

    /// What it says and what the user can do about it, as one sentence: for a warning, where the work goes on all the same.
    pub fn sentence(&self) -> String {
        self.remedy().map_or_else(|| self.to_string(), |remedy| format!("{self}; {remedy}"))
    }

    /// What the user can do about it, where that is known.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::Io(failure) => failure.remedy.as_deref(),
            Self::Refused(refusal) | Self::WrongChain(refusal) => refusal.remedy.as_deref(),
            Self::Incomplete { remedy: Some(remedy), .. } => Some(remedy),
            Self::Incomplete { .. } => {
                Some("the backup was interrupted or its copy was cut: use another copy, or make the backup again")
            }
            Self::Damaged { .. } => Some(
                "`blocktar verify` names the affected ranges; use another copy of the archive, or `blocktar salvage`, which saves the rest",
            ),
            Self::Interrupted { .. } => None,
        }
    }
}

/// What to do where a device of some name is not there.
pub(crate) const NO_DEVICE_REMEDY: &str =
    "look for a misspelt name, a volume that is not active or a driver that is not loaded";

/// What helps against the failures that users meet most.
fn io_remedy(what: &str, cause: &io::Error) -> Option<String> {
    if let Some(advised) = cause.get_ref().and_then(|cause| cause.downcast_ref::<Advised>()) {
        return Some(advised.remedy.clone());
    }
    // Linux' asm-generic/errno-base.h.
    const TOO_MANY_OPEN_FILES: i32 = 24;
    let text = match cause.kind() {
        _ if cause.raw_os_error() == Some(TOO_MANY_OPEN_FILES) => {
            "raise the limit (`ulimit -n 8192`), or make fewer files of them: `blocktar merge` takes them some at a time"
        }
        io::ErrorKind::NotFound if what.starts_with("/dev/") => NO_DEVICE_REMEDY,
        io::ErrorKind::StorageFull => "make room there, or write somewhere else",
        io::ErrorKind::PermissionDenied => "run it as a user who may do this, root as a rule",
        io::ErrorKind::BrokenPipe => "the program that should have read this ended early; its own message says why",
        io::ErrorKind::ReadOnlyFilesystem => "choose a place that can be written",
        _ => return None,
    };
    Some(text.to_owned())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(failure) => write!(f, "{} {}: {}", failure.doing, failure.what, failure.cause),
            Self::Incomplete { archive, why, .. } => write!(f, "{archive} is incomplete: {why}"),
            Self::Damaged { archive, why, .. } => write!(f, "{archive} is damaged: {why}"),
            Self::Refused(refusal) | Self::WrongChain(refusal) => {
                write!(f, "refused to {}: {}", refusal.request, refusal.why)
            }
            Self::Interrupted { signal } => write!(f, "interrupted by signal {signal}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(failure) => Some(&failure.cause),
            _ => None,
        }
    }
}
