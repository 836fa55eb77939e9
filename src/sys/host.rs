//! The name of this machine.

/// The host name, or `None` where it has none or one that is not UTF-8.
pub fn name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok().filter(|name| !name.is_empty())
}
