//! The checksum of RDB files and DUMP payloads: CRC-64 with Jones's polynomial, reflected, initial value 0.

use crc_fast::CrcAlgorithm::Crc64Redis;
use crc_fast::Digest;

/// The checksum of `data`.
pub fn crc64(data: &[u8]) -> u64 {
    crc_fast::checksum(Crc64Redis, data)
}

/// The checksum of what `crc` was computed of, and `data` after it.
pub fn update(crc: u64, data: &[u8]) -> u64 {
    let mut digest = Digest::new_with_init_state(Crc64Redis, crc);
    digest.update(data);
    digest.finalize()
}
