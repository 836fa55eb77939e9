//! blocktar backs up block devices and disk images as one sequential tar, and brings them back byte for byte.
//!
//! Data flows one way; each stage is a folder whose `mod.rs` holds its `open` and little else.
//!
//! ```text
//! backup    :  source → extents → archive writer → output
//! restore   :  input → archive reader → plan → target
//! verify    :  input → archive reader
//! compare   :  input → archive reader ← device or image
//! extract   :  input → archive reader → bytes
//! recompress:  input → archive reader → archive writer → output
//! merge     :  inputs → archive reader, all abreast → plan → archive writer → output
//! reblock   :  input → archive reader, members as they are → archive writer → output
//! survey    :  input → archive reader, without data
//! salvage   :  input, however broken → archive reader → what is certain → target
//! ```
//!
//! | module | what it is | may use |
//! |---|---|---|
//! | `bin/` | the program: parses, runs, reports; alone uses clap and its generators, byte-unit, indicatif, terminal_size | all |
//! | [`backup`], [`restore`], [`verify`], [`compare`], [`extract`], [`recompress`], [`merge`], [`reblock`], [`salvage`] | the read loop, the write loop, reading without a target, against a device, a piece of the whole, archive to archive, a chain to one archive, an archive elsewhere, and what is left of a broken one | `archive`, `baseline`, `plan`, ground; they get open traits, never a device or a medium by name |
//! | [`cartridge`] | what lies on a tape, where the next archive goes, how one is found | `archive`, `catalog`, `sys`, ground |
//! | [`plan`], [`catalog`], [`baseline`] | what a restore will do; what archives there are; what is known of the state on which an increment builds | `archive`, ground |
//! | [`archive`] | the format, over `Input` and `Output` only: it opens nothing; alone uses tar, zstd, sha2, tape-sha256, blake3 | ground |
//! | [`source`] | one file per source, and `scan`, which turns a random-access image into a forward stream | `client`, `sys`, ground |
//! | [`target`] | one file per target; the zeroing ladder once | `sys`, ground |
//! | [`media`] | where archives go and come from; `tape::simulated`, a drive in memory, is public for tests and benchmarks | `sys`, ground |
//! | [`client`] | what sources and targets share of a system's own tools: LVM | `sys`, ground |
//! | [`sys`] | what only the kernel can tell or do; alone uses nix and `unsafe` | ground |
//! | `ahead`, [`cleanup`], [`drive`], [`extent`], [`location`], [`range_set`], [`ranges`], [`stream`], [`progress`], `pipeline`, [`signature`], [`water`], `zeros`, [`error`] | ground | nothing of ours but ground |
//!
//! `tests/layers.rs` reads this table and holds the code to it. Invariants: nothing looks complete before `finish`; a range is zero only where
//! that was proven; sizes from an archive are bounded before memory is made for them; the archive layer never opens a file, and never panics on input.
#![deny(unsafe_code)]

mod ahead;
pub mod archive;
pub mod backup;
pub mod baseline;
pub mod cartridge;
pub mod catalog;
pub mod cleanup;
pub mod client;
pub mod compare;
pub mod drive;
pub mod error;
pub mod extent;
pub mod extract;
pub mod location;
pub mod media;
pub mod merge;
mod pipeline;
pub mod plan;
pub mod progress;
pub mod range_set;
pub mod ranges;
pub mod reblock;
pub mod recompress;
pub mod restore;
pub mod salvage;
pub mod signature;
pub mod source;
pub mod stream;
pub mod sys;
pub mod target;
pub mod verify;
pub mod water;
mod zeros;
