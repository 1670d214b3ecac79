"""Write a GGUF: its header's values from Python's own, its tensors a block of rows at a time.

What stands in a file is the caller's business. Reading is in `gguf_header`.
Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3, little-endian.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import gguf
import numpy as np

from octocli.core.errors import OctoError
from octocli.model.gguf_header import ARRAY, BOOL, FLOAT32, INT32, STRING, UINT32, Tensor, Value, padded

# Makes a tensor's values when it is written, a block of rows at a time.
Source = Callable[[], Iterator[np.ndarray]]


def text_bytes(text: bytes) -> bytes:
    """A text as a header holds it: its length, then its bytes."""
    return struct.pack("<Q", len(text)) + text


def text_value(text: str) -> Value:
    """A text for a header."""
    return Value(STRING, text_bytes(text.encode()))


def number_value(number: int) -> Value:
    """A whole number for a header."""
    return Value(UINT32, struct.pack("<I", number))


def float_value(number: float) -> Value:
    """A number for a header."""
    return Value(FLOAT32, struct.pack("<f", number))


def flag_value(flag: bool) -> Value:
    """A truth value for a header."""
    return Value(BOOL, struct.pack("<?", flag))


def texts_value(texts: Sequence[str]) -> Value:
    """An array of texts for a header."""
    return byte_texts_value([t.encode() for t in texts])


def byte_texts_value(texts: Sequence[bytes]) -> Value:
    """An array of texts that need not be UTF-8, for a header."""
    return Value(ARRAY, struct.pack("<IQ", STRING, len(texts)) + b"".join(text_bytes(t) for t in texts))


def numbers_value(numbers: Sequence[int]) -> Value:
    """An array of whole numbers for a header."""
    return Value(ARRAY, struct.pack(f"<IQ{len(numbers)}i", INT32, len(numbers), *numbers))


def floats_value(numbers: Sequence[float]) -> Value:
    """An array of numbers for a header."""
    return Value(ARRAY, struct.pack(f"<IQ{len(numbers)}f", FLOAT32, len(numbers), *numbers))


def longer(value: Value, count: int, items: bytes) -> Value:
    """An array with `count` more items."""
    kind, old = struct.unpack_from("<IQ", value.data)
    return Value(ARRAY, struct.pack("<IQ", kind, old + count) + value.data[12:] + items)


def write_file(out: Path, values: Mapping[str, Value], tensors: Sequence[tuple[Tensor, Source]]) -> None:
    """Write a GGUF; `out` appears whole or not at all. Where a tensor lies is counted here, in the order given.

    Raises:
        OctoError: a tensor holds what its type cannot.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    # One name for all sittings: what a kill leaves half-written is written over by the next.
    temporary = out.with_name(f".{out.name}.new")
    try:
        with temporary.open("wb") as file:
            _write_header(file, values, [tensor for tensor, _ in tensors])
            for tensor, get in tensors:
                _write_tensor(file, tensor, get())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _write_header(file: IO[bytes], values: Mapping[str, Value], tensors: Sequence[Tensor]) -> None:
    # A base's alignment is not carried over: places are counted anew.
    values = {key: value for key, value in values.items() if key != "general.alignment"}
    file.write(b"GGUF" + struct.pack("<IQQ", gguf.GGUF_VERSION, len(tensors), len(values)))
    for key, value in values.items():
        file.write(text_bytes(key.encode()) + struct.pack("<I", value.kind) + value.data)
    place = 0
    for tensor in tensors:
        axes = tensor.shape[::-1]
        file.write(text_bytes(tensor.name.encode()))
        file.write(struct.pack(f"<I{len(axes)}QIQ", len(axes), *axes, int(tensor.kind), place))
        place += padded(tensor.bytes, gguf.GGUF_DEFAULT_ALIGNMENT)
    _pad(file)


def _write_tensor(file: IO[bytes], tensor: Tensor, blocks: Iterator[np.ndarray]) -> None:
    dtype = np.float16 if tensor.kind == gguf.GGMLQuantizationType.F16 else np.float32
    for values in blocks:
        with np.errstate(over="ignore"):
            stored = np.ascontiguousarray(values, dtype=dtype)
        if not np.isfinite(stored).all():
            raise OctoError(f"tensor {tensor.name} holds values that are no finite {tensor.kind.name} numbers")
        file.write(stored.data)
    _pad(file)


def _pad(file: IO[bytes]) -> None:
    file.write(b"\0" * (-file.tell() % gguf.GGUF_DEFAULT_ALIGNMENT))
