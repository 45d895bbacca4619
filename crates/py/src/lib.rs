//! The extension module `dozo._kernel`: the only crate that knows Python.
//!
//! It converts and forwards, and decides nothing: what a command means is Python's or the engine's to say.

mod bits;
mod client;
mod context;
mod database;
mod disk;
mod geo;
mod hashes;
mod host;
mod hyperloglogs;
mod ids;
mod kernel;
mod library;
mod lists;
mod reply;
mod scripts;
mod server;
mod sets;
mod sorted_sets;
mod sorting;
mod spec;
mod streams;
mod text;
mod wire;
mod wires;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The engine, for Python.
#[pyo3::pymodule]
mod _kernel {
    use pyo3::prelude::*;

    /// Lower-case names of the commands that Rust implements.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = dozo_engine::hot::all().map(|(name, _)| name);
        module.add("HOT", pyo3::types::PyTuple::new(module.py(), names.collect::<Vec<_>>())?)
    }

    #[pymodule_export]
    use super::bits::Bits;
    #[pymodule_export]
    use super::client::{Client, ClientInfo, Tracking};
    #[pymodule_export]
    use super::database::Database;
    #[pymodule_export]
    use super::disk::Disk;
    #[pymodule_export]
    use super::geo::Geo;
    #[pymodule_export]
    use super::hashes::Hashes;
    #[pymodule_export]
    use super::hyperloglogs::HyperLogLogs;
    #[pymodule_export]
    use super::kernel::Kernel;
    #[pymodule_export]
    use super::library::{Library, decode_reply};
    #[pymodule_export]
    use super::lists::Lists;
    #[pymodule_export]
    use super::scripts::Scripts;
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::sets::Sets;
    #[pymodule_export]
    use super::sorted_sets::SortedSets;
    #[pymodule_export]
    use super::streams::Streams;
    #[pymodule_export]
    use super::text::{crc64, glob_match, lz4_pack, lz4_unpack, parse_float, rdb_string, xxh3_64};
    #[pymodule_export]
    use super::wire::Wire;
}
