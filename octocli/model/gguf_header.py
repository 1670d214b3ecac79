"""Read a GGUF: its header fast, its tensors when they are asked for.

Values are kept as bytes, so that a writer can carry over what it does not understand. The gguf package's reader takes
seconds to open a large vocabulary (it makes an object of every token); this one takes milliseconds.

Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from octocli.core.errors import BadInput
from octocli.model.gguf_names import HEAD, Architecture, Floats

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TENSOR_KINDS = {int(kind): kind for kind in gguf.GGML_QUANT_SIZES}


class _BrokenError(Exception):
    """The bytes are not those of a GGUF."""


@dataclass(frozen=True)
class Value:
    """One value of the header: its type and its bytes, for an array those of item type and count first."""

    kind: int
    data: bytes


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies in its file. `shape` is row-major, as in numpy and transformers."""

    name: str
    shape: tuple[int, ...]
    kind: gguf.GGMLQuantizationType
    start: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of the last axis."""
        block, size = gguf.GGML_QUANT_SIZES[self.kind]
        return int(self.shape[-1] // block * size)

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor."""
        return math.prod(self.shape[:-1]) * self.row_bytes


def cut_rows(array: np.ndarray, size: int = 1 << 24) -> Iterator[np.ndarray]:
    """Yield the array in blocks of rows, about `size` bytes each."""
    rows = max(1, size // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield array[start : start + rows]


@dataclass(frozen=True)
class Gguf:
    """The header of a GGUF; tensors are read when asked for."""

    path: Path
    values: Mapping[str, Value]
    tensors: Mapping[str, Tensor]

    @property
    def arch(self) -> str:
        """The architecture, as llama.cpp calls it."""
        return self.text("general.architecture")

    def text(self, key: str) -> str:
        """A text of the header."""
        return _Cursor(self._value(key, STRING).data).text().decode("utf-8", "replace")

    def number(self, key: str, default: int | None = None) -> int:
        """A whole number of the header."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if value is None or value.kind not in _NUMBERS:
            raise BadInput(f"{self.path}: the GGUF has no number {key}")
        return int(_Cursor(value.data).number(value.kind))

    def texts(self, key: str) -> list[bytes]:
        """An array of texts, as bytes: a token may be a piece of a letter."""
        cursor = _Cursor(self._value(key, ARRAY).data)
        kind, count = cursor.number(UINT32), cursor.number(10)
        if kind != STRING:
            raise BadInput(f"{self.path}: {key} in the GGUF is no array of texts")
        return [cursor.text() for _ in range(int(count))]

    def read(self, name: str) -> Floats:
        """A tensor as float32.

        Raises:
            BadInput: there is none of that name, or of a type that cannot be read.
        """
        return np.concatenate(list(self.blocks(name)))

    def blocks(self, name: str) -> Iterator[Floats]:
        """Yield a tensor a few rows at a time, so that a large vocabulary is never in memory as a whole."""
        if name not in self.tensors:
            raise BadInput(f"{self.path}: the GGUF has no tensor {name}")
        tensor = self.tensors[name]
        size = tensor.bytes // tensor.shape[0] if len(tensor.shape) > 1 else tensor.bytes
        data = np.memmap(self.path, np.uint8, "r", tensor.start, (tensor.bytes // size, size))
        for rows in cut_rows(data):
            try:
                values = gguf.quants.dequantize(rows.reshape(-1, tensor.row_bytes), tensor.kind)
            except NotImplementedError:
                raise BadInput(f"{self.path}: tensors of type {tensor.kind.name} cannot be read") from None
            inner = tensor.shape[1:] if len(tensor.shape) > 1 else ()
            yield np.asarray(values, dtype=np.float32).reshape(-1, *inner)

    def architecture(self) -> Architecture:
        """How the tensors are named and stored."""
        arch = self.arch
        heads = self.number(f"{arch}.attention.head_count")
        return Architecture(
            name=arch,
            layers=self.number(f"{arch}.block_count"),
            heads=heads,
            kv_heads=self.number(f"{arch}.attention.head_count_kv", heads),
            tied=HEAD not in self.tensors,
        )

    def _value(self, key: str, kind: int) -> Value:
        value = self.values.get(key)
        if value is None or value.kind != kind:
            raise BadInput(f"{self.path}: the GGUF has no {key}")
        return value


class _Cursor:
    """Reads a header from its first byte to its last. Every length is checked before anything is believed."""

    def __init__(self, data: bytes | mmap.mmap) -> None:
        self.data, self.at, self.end = data, 0, len(data)

    def take(self, count: int) -> bytes:
        self.skip(count)
        return self.data[self.at - count : self.at]

    def skip(self, count: int) -> None:
        if count > self.end - self.at:
            raise _BrokenError("it ends in the middle of its header")
        self.at += count

    def number(self, kind: int) -> int | float:
        form = _NUMBERS.get(kind)
        if form is None:
            raise _BrokenError(f"a value has the unknown type {kind}")
        found: int | float = struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]
        return found

    def count(self) -> int:
        return int(self.number(10))

    def text(self) -> bytes:
        return self.take(self.count())

    def skip_value(self, kind: int) -> None:
        if kind == STRING:
            self.skip(self.count())
        elif kind == ARRAY:
            item, count = int(self.number(UINT32)), self.count()
            if item == STRING:
                self._skip_texts(count)
            elif item in _NUMBERS:
                self.skip(count * struct.calcsize("<" + _NUMBERS[item]))
            else:
                raise _BrokenError(f"an array has items of the unknown type {item}")
        else:
            self.number(kind)

    def _skip_texts(self, count: int) -> None:
        # The hot loop of opening a file: half a million texts for a vocabulary and its merges.
        if count * 8 > self.end - self.at:
            raise _BrokenError("it ends in the middle of its header")
        at, end, length = self.at, self.end, struct.Struct("<Q").unpack_from
        for _ in range(count):
            if at + 8 > end:
                raise _BrokenError("it ends in the middle of its header")
            at += 8 + length(self.data, at)[0]
        self.skip(at - self.at)


@contextmanager
def _header(path: Path) -> Iterator[_Cursor]:
    """A cursor over the file; what goes wrong with it becomes one line that names the file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield _Cursor(data)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    except _BrokenError as error:
        raise BadInput(f"{path}: no usable GGUF: {error}", hint="fetch or export it again") from None


def _counts(cursor: _Cursor) -> tuple[int, int]:
    if cursor.take(4) != b"GGUF":
        raise _BrokenError("it does not begin with GGUF")
    version = int(cursor.number(UINT32))
    if version not in (2, 3):
        raise _BrokenError(f"its version is {version}, and octo reads 2 and 3")
    return cursor.count(), cursor.count()


def _read_values(cursor: _Cursor, count: int, kinds: frozenset[int] | None = None) -> Iterator[tuple[str, Value]]:
    """Yield the header's values, of all types or only of `kinds`."""
    for _ in range(count):
        key, kind = cursor.text().decode("utf-8", "replace"), int(cursor.number(UINT32))
        start = cursor.at
        cursor.skip_value(kind)
        if kinds is None or kind in kinds:
            yield key, Value(kind, cursor.data[start : cursor.at])


def read_metadata(path: Path) -> dict[str, str]:
    """All texts of a GGUF's header, such as `octo.manifest`, without a look at its tensors.

    Raises:
        BadInput: the file is no GGUF, is of an unknown version, or ends too soon.
    """
    with _header(path) as cursor:
        _, count = _counts(cursor)
        found = _read_values(cursor, count, frozenset({STRING}))
        return {key: value.data[8:].decode("utf-8", "replace") for key, value in found}


def open_gguf(path: Path) -> Gguf:
    """Read the whole header of a GGUF.

    Raises:
        BadInput: the file is no GGUF, is of an unknown version, or ends too soon.
    """
    with _header(path) as cursor:
        tensors, count = _counts(cursor)
        values = dict(_read_values(cursor, count))
        infos = [_read_tensor(cursor) for _ in range(tensors)]
        stored = values.get("general.alignment")
        alignment = int(_Cursor(stored.data).number(stored.kind)) if stored else gguf.GGUF_DEFAULT_ALIGNMENT
        if alignment < 1:
            raise _BrokenError(f"its alignment is {alignment}")
        start = padded(cursor.at, alignment)
        placed = {t.name: Tensor(t.name, t.shape, t.kind, start + t.start) for t in infos}
        if any(t.start + t.bytes > cursor.end for t in placed.values()):
            raise _BrokenError("it ends before its tensors do")
    return Gguf(path, values, placed)


def _read_tensor(cursor: _Cursor) -> Tensor:
    name, axes = cursor.text().decode("utf-8", "replace"), int(cursor.number(UINT32))
    if not 1 <= axes <= 4:
        raise _BrokenError(f"tensor {name} has {axes} axes")
    shape = tuple(cursor.count() for _ in range(axes))[::-1]
    kind, start = int(cursor.number(UINT32)), cursor.count()
    if kind not in _TENSOR_KINDS:
        raise _BrokenError(f"tensor {name} has the unknown type {kind}")
    if 0 in shape:
        raise _BrokenError(f"tensor {name} is empty")
    if shape[-1] % gguf.GGML_QUANT_SIZES[_TENSOR_KINDS[kind]][0]:
        raise _BrokenError(f"tensor {name} has rows of {shape[-1]} values, which its type cannot hold")
    return Tensor(name, shape, _TENSOR_KINDS[kind], start)


def padded(size: int, alignment: int) -> int:
    """`size` rounded up to a multiple of `alignment`."""
    return -(-size // alignment) * alignment
