"""LZF decompression, for strings in RDB payloads. Refuses to compress: what dozo writes is readable uncompressed."""

from __future__ import annotations

__all__ = ["decompress"]


def decompress(data: bytes, length: int) -> bytes:
    """Undo LZF. ValueError unless the result has exactly the given length."""
    out = bytearray()
    at = 0
    try:
        while at < len(data):
            control = data[at]
            at += 1
            if control < 32:
                out += data[at : at + control + 1]
                at += control + 1
                continue
            size = control >> 5
            if size == 7:
                size += data[at]
                at += 1
            start = len(out) - ((control & 0x1F) << 8) - data[at] - 1
            at += 1
            _repeat(out, start, size + 2)
            if len(out) > length:
                break
    except IndexError:
        raise ValueError("the LZF data is cut short") from None
    if len(out) != length or at > len(data):
        raise ValueError("the LZF data has another length than announced")
    return bytes(out)


def _repeat(out: bytearray, start: int, size: int) -> None:
    """Append `size` bytes from `start` on; they may overlap what is being appended."""
    if start < 0:
        raise ValueError("the LZF data refers to before its beginning")
    piece = out[start : start + size]
    while len(piece) < size:
        piece += piece[: size - len(piece)]
    out += piece
