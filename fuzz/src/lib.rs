//! What the fuzz targets share. The targets are in `targets/`, how to run them in `README.md`.

pub mod account;
pub mod apart;
#[path = "../../tests/archives/mod.rs"]
pub mod archives;
#[path = "../../tests/broken/mod.rs"]
pub mod broken;
#[path = "../../tests/support/chance.rs"]
pub mod chance;
pub mod headers;
pub mod mutate;
pub mod outcome;
pub mod text;
