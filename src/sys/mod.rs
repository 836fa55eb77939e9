//! What the operating system offers beyond the standard library, as safe functions: the only code that uses `nix` and `unsafe`.

pub mod block;
pub mod closed_streams;
pub mod command;
pub mod device_folder;
pub mod direct;
pub mod errno;
pub mod host;
pub mod lock_file;
pub mod medium_error;
pub mod memory;
pub mod mounts;
pub mod page_cache;
pub mod partial_file;
pub mod pipe;
pub mod process;
pub mod scsi;
pub mod signal;
pub mod sparse;
pub mod sysfs;
pub mod tape;
pub mod terminal;
pub mod uses;
pub mod write_back;
pub mod zero;
