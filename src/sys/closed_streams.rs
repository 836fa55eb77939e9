//! Standard streams that were closed when the process began.
//!
//! The Rust runtime opens `/dev/null` in place of each (std, `sys/pal/unix/mod.rs`, `sanitize_standard_fds`), so that no file gets its
//! number by chance. An archive written there would be gone without a word; so this looks before the runtime does.
#![allow(unsafe_code)] // for code that runs before `main`

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use nix::libc;

/// A bit for each of the descriptors 0, 1 and 2.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// The C library calls what this section names before `main`, and so before Rust's runtime.
// SAFETY: a function of the C ABI that takes no arguments; it uses nothing that the runtime would have to set up.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for descriptor in 0..3 {
        // SAFETY: F_GETFD only asks; a closed descriptor is the answer EBADF.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << descriptor, Relaxed);
        }
    }
}

/// Whether standard input was closed when the process began.
pub fn standard_input() -> bool {
    CLOSED.load(Relaxed) & 1 != 0
}

/// Whether standard output was closed when the process began.
pub fn standard_output() -> bool {
    CLOSED.load(Relaxed) & 2 != 0
}
