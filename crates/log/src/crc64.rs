//! The checksum of RDB files and DUMP payloads: CRC-64 with Jones's polynomial, reflected, initial value 0.

/// 0xad93d23594c935a9 with its bits in reverse.
const REFLECTED: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[n][byte]`: the checksum of that byte with `n` zero bytes after it, so that eight bytes take one step.
static TABLES: [[u64; 256]; 8] = tables();

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { REFLECTED } else { 0 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// The checksum of `data`.
pub fn crc64(data: &[u8]) -> u64 {
    update(0, data)
}

/// The checksum of what `crc` was computed of, and `data` after it.
pub fn update(mut crc: u64, data: &[u8]) -> u64 {
    let (eights, rest) = data.as_chunks::<8>();
    for eight in eights {
        let mixed = (crc ^ u64::from_le_bytes(*eight)).to_le_bytes();
        crc = 0;
        for (zeros, byte) in mixed.iter().rev().enumerate() {
            crc ^= TABLES[zeros][usize::from(*byte)];
        }
    }
    for &byte in rest {
        crc = (crc >> 8) ^ TABLES[0][usize::from((crc as u8) ^ byte)];
    }
    crc
}
