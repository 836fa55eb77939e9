//! Tape drives.

pub mod simulated;
