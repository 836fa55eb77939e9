//! blocktar backs up block devices and disk images as one sequential tar, and brings them back byte for byte.
#![deny(unsafe_code)]

pub mod error;
pub mod extent;
pub mod media;
pub mod pipeline;
pub mod progress;
pub mod signature;
pub mod source;
pub mod stream;
pub mod sys;
pub mod target;
pub mod zeros;
