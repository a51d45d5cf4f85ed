"""Makes a picture of a page small: the 256 colours that are used most, as a PNG with a palette (PNG, second edition, 11.2.3)."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOURS: Final = 256

Pixel = tuple[int, int, int]


def smaller(png: bytes) -> bytes:
    """A picture of 8-bit RGB or RGBA pixels, which is opaque, with a palette. Raises ValueError for another."""
    width, height, pixels = _decoded(png)
    counted = Counter(pixel for row in pixels for pixel in row)
    palette = [colour for colour, _ in counted.most_common(_COLOURS)]
    near = {colour: _nearest(colour, palette) for colour in counted}
    places = {colour: place for place, colour in enumerate(palette)}
    index = {pixel: places[colour] for pixel, colour in near.items()}
    rows = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    return _SIGNATURE + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(bytes(colour) for colour in palette)),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _nearest(colour: Pixel, palette: list[Pixel]) -> Pixel:
    return min(palette, key=lambda each: sum((one - two) ** 2 for one, two in zip(colour, each, strict=True)))


def _decoded(png: bytes) -> tuple[int, int, list[list[Pixel]]]:
    if not png.startswith(_SIGNATURE):
        raise ValueError("not a PNG")
    place, data, header = len(_SIGNATURE), b"", b""
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += length + 12
        header = content if kind == b"IHDR" else header
        data += content if kind == b"IDAT" else b""
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth != 8 or colour_type not in (2, 6) or interlaced:
        raise ValueError("another kind of PNG than browsers write")
    step = 3 if colour_type == 2 else 4
    return width, height, _rows(zlib.decompress(data), width * step, height, step)


def _rows(raw: bytes, stride: int, height: int, step: int) -> list[list[Pixel]]:
    rows: list[list[Pixel]] = []
    above = bytearray(stride)
    for number in range(height):
        begin = number * (stride + 1)
        line = bytearray(raw[begin + 1 : begin + 1 + stride])
        _unfilter(raw[begin], line, above, step)
        rows.append(list(zip(line[0::step], line[1::step], line[2::step], strict=True)))
        above = line
    return rows


def _unfilter(kind: int, line: bytearray, above: bytearray, step: int) -> None:
    """Undo a filter of a line (PNG, 9.2): 0 none, 1 sub, 2 up, 3 average, 4 Paeth."""
    if kind == 2:
        line[:] = bytes((one + two) & 255 for one, two in zip(line, above, strict=True))
        return
    if kind == 0:
        return
    for place in range(len(line)):
        left = line[place - step] if place >= step else 0
        up, corner = above[place], above[place - step] if place >= step else 0
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = _paeth(left, up, corner)
        line[place] = (line[place] + guess) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    estimate = left + up - corner
    return min((left, up, corner), key=lambda value: abs(estimate - value))


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
