//! What sources and targets share of a system's own tools: they are asked, and their answers are untrusted input.

pub mod lvm;
