"""GGUF files: read a header fast, and write a base again with new weights, tokens and metadata.

The header's values are carried over as bytes, so whatever the base says that octo does not change stays as it was. How
tensors are named and stored is in `gguf_names`, quantising in `quantise`.

Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian.
"""

import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import gguf
import numpy as np

from octocli.core.errors import BadInput, OctoError
from octocli.core.prompts import SLOT, Prompt
from octocli.model.gguf_names import EMBEDDING, HEAD, Architecture, Floats

UINT32, INT32, FLOAT32, STRING, ARRAY = 4, 5, 6, 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TENSOR_KINDS = {int(kind): kind for kind in gguf.GGML_QUANT_SIZES}
_FILE_TYPES = {"f32": 0, "f16": 1}
# Kinds of token in llama.cpp's vocabulary. CONTROL is never matched in plain text, so users cannot inject a function.
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5
_SPM_SCORE = -1000.0
# llama-cpp-python shows a longer token as nothing.
_TOKEN_BYTES = 32
_TOKENS, _KINDS, _SCORES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.scores"
_TEMPLATE = "tokenizer.chat_template"
# Of the base's own making: other templates would drop octo's prompt, the rest describes the file that is left behind.
_DROPPED = (_TEMPLATE, "tokenizer.huggingface.", "quantize.", "split.")


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


def _cut(array: np.ndarray, size: int = 1 << 24) -> Iterator[np.ndarray]:
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
        for rows in _cut(data):
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
        start = _padded(cursor.at, alignment)
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


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _text_bytes(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def text_value(text: str) -> Value:
    """A text for a header."""
    return Value(STRING, _text_bytes(text.encode()))


def _number_value(number: int) -> Value:
    return Value(UINT32, struct.pack("<I", number))


def _longer(value: Value, count: int, items: bytes) -> Value:
    """An array with `count` more items."""
    kind, old = struct.unpack_from("<IQ", value.data)
    return Value(ARRAY, struct.pack("<IQ", kind, old + count) + value.data[12:] + items)


def chat_template(prompt: Prompt, *, bos: bool = False) -> str:
    """Octo's prompt as a Jinja chat template around the last user message.

    `bos` is for bases that open with a token of their own: llama-cpp-python adds none to a chat, and llama.cpp's server
    takes away a second one.
    """
    before, after = (json.dumps(half, ensure_ascii=False) for half in prompt.template.split(SLOT))
    opening = "{{ bos_token }}" if bos else ""
    return (
        "{%- set last = namespace(text='') -%}"
        "{%- for message in messages -%}{%- if message['role'] == 'user' -%}"
        "{%- if message['content'] is string -%}{%- set last.text = message['content'] -%}"
        "{%- else -%}{%- set last.text = '' -%}{%- for part in message['content'] -%}{%- if part['type'] == 'text' -%}"
        "{%- set last.text = last.text + ' ' + part['text'] -%}"
        "{%- endif -%}{%- endfor -%}{%- endif -%}"
        "{%- endif -%}{%- endfor -%}" + opening + "{{ " + before + " + (last.text | trim) + " + after + " }}"
    )


# Makes a tensor's values when it is written, a block of rows at a time.
_Source = Callable[[], Iterator[np.ndarray]]


@dataclass(frozen=True)
class _Patch:
    """A base and what is new about its tensors."""

    base: Gguf
    weights: Mapping[str, np.ndarray]
    rows: Floats
    head_rows: Floats | None
    outtype: str

    def planned(self, size: int, base_size: int) -> list[tuple[Tensor, _Source]]:
        """Each tensor of the new file, without its place, and how to get it. `size`: tokens of the base GGUF."""
        names = self.base.architecture().rename(self.weights)
        unknown = set(names) - set(self.base.tensors)
        if unknown:
            raise BadInput(f"{self.base.path}: the GGUF has no tensor {min(unknown)}", hint="is it of another model?")
        new = {EMBEDDING: self.rows, HEAD: self.head_rows}
        return [
            self._one(tensor, names.get(name), new.get(name), size, base_size)
            for name, tensor in self.base.tensors.items()
        ]

    def _one(
        self, old: Tensor, name: str | None, rows: Floats | None, size: int, base_size: int
    ) -> tuple[Tensor, _Source]:
        shape, kept = old.shape, old.shape
        if rows is not None:
            if old.shape[0] != size:
                raise BadInput(f"{self.base.path}: {old.name} has {old.shape[0]} rows for {size} tokens")
            if base_size > size and name is None:
                raise OctoError(f"{old.name}: rows {size} to {base_size} are in the base's weights only; pass them")
            kept = (base_size, *old.shape[1:])
            shape = (base_size + len(rows), *old.shape[1:])
        # Vectors stay in float32, as llama.cpp's own converter leaves them.
        half = self.outtype == "f16" and len(shape) > 1
        kind = gguf.GGMLQuantizationType.F16 if half else gguf.GGMLQuantizationType.F32

        def values() -> Iterator[np.ndarray]:
            yield from self.base.blocks(old.name) if name is None else _cut(self._weight(name, kept))
            if rows is not None:
                yield rows

        return Tensor(old.name, shape, kind, 0), values

    def _weight(self, name: str, shape: tuple[int, ...]) -> Floats:
        weight = np.asarray(self.weights[name], dtype=np.float32)
        if weight.shape != shape:
            raise BadInput(f"{self.base.path}: {name} has the shape {weight.shape}, and the GGUF's has {shape}")
        return self.base.architecture().rewrite(name, weight)


def write_gguf(
    base: Path,
    out: Path,
    *,
    weights: Mapping[str, np.ndarray],
    new_tokens: Sequence[str],
    rows: np.ndarray,
    head_rows: np.ndarray | None,
    end_token: str,
    chat_template: str,
    metadata: Mapping[str, str],
    outtype: Literal["f16", "f32"] = "f16",
    name: str,
    licence: str = "",
    base_size: int | None = None,
) -> None:
    """Write the base GGUF again with other weights, new tokens and octo's prompt; `out` appears whole or not at all.

    Args:
        base: the GGUF that the model was trained from; it may be quantised.
        out: the GGUF to write.
        weights: transformers' names -> float32, at least all that changed. Each is asked for once, when it is written.
        new_tokens: texts of the new tokens, in the order of their ids.
        rows: their rows of the embedding [tokens, width].
        head_rows: their rows of the output matrix, for a base that has one.
        end_token: the token at which every llama.cpp front end is to stop.
        chat_template: Jinja, in place of the base's.
        metadata: texts to add to the header.
        outtype: of the matrices.
        name: of the model.
        licence: of the model; the base's own if empty.
        base_size: rows of the embedding that the model was trained from; the first new token has this id. Where the
            GGUF has fewer tokens, the gap is filled with unused ones, and `weights` must hold the embedding.

    Raises:
        BadInput: the base is no GGUF that octo can patch, or tokens and weights do not fit it.
    """
    source = open_gguf(base)
    old = source.texts(_TOKENS)
    first = len(old) if base_size is None else base_size
    added = [*_gap_tokens(old, first), *new_tokens]
    _check(source, old, added, end_token, np.asarray(rows), head_rows, len(new_tokens))
    values = _kept_values(source)
    values.update(_vocabulary(source, len(old), added, len(new_tokens)))
    ids = {token: i for i, token in enumerate([*old, *(t.encode() for t in added)])}
    values["tokenizer.ggml.eot_token_id"] = _number_value(ids[end_token.encode()])
    values["general.file_type"] = _number_value(_FILE_TYPES[outtype])
    texts = {_TEMPLATE: chat_template, "general.name": name, **({"general.license": licence} if licence else {})}
    values.update((key, text_value(text)) for key, text in {**texts, **metadata}.items())
    head = None if head_rows is None else np.asarray(head_rows, dtype=np.float32)
    patch = _Patch(source, weights, np.asarray(rows, dtype=np.float32), head, outtype)
    _write_file(out, values, patch.planned(len(old), first))


def _gap_tokens(old: Sequence[bytes], base_size: int) -> list[str]:
    if base_size < len(old):
        raise BadInput(f"the base's GGUF has {len(old)} tokens, and its embedding only {base_size} rows")
    taken, gap, index = set(old), list[str](), 0
    while len(gap) < base_size - len(old):
        token = f"<octo_pad_{index}>"
        index += 1
        if token.encode() not in taken:
            gap.append(token)
    return gap


def _check(
    source: Gguf,
    old: Sequence[bytes],
    added: Sequence[str],
    end_token: str,
    rows: np.ndarray,
    head_rows: np.ndarray | None,
    count: int,
) -> None:
    taken = sorted(set(old) & {t.encode() for t in added})
    if taken:
        raise BadInput(
            f"{source.path}: tokens already in the base's vocabulary: {b', '.join(taken).decode()}",
            hint="rename the app, or give the base that the run was trained from",
        )
    long = [t for t in added if len(t.encode()) > _TOKEN_BYTES]
    if long or len(set(added)) < len(added):
        raise BadInput(f"new tokens must differ and have at most {_TOKEN_BYTES} bytes: {', '.join(long or added)}")
    if end_token.encode() not in {*old, *(t.encode() for t in added)}:
        raise BadInput(f"the end token {end_token!r} is not among the tokens")
    if (HEAD in source.tensors) != (head_rows is not None):
        has = "an output matrix of its own" if head_rows is None else "no output matrix of its own"
        raise BadInput(f"{source.path}: the GGUF has {has}, unlike the model", hint="give the base's own GGUF")
    width = source.number(f"{source.arch}.embedding_length")
    for matrix in (rows, head_rows):
        if matrix is not None and matrix.shape != (count, width):
            raise BadInput(f"{count} new tokens of width {width} cannot have rows of shape {matrix.shape}")
    if source.number("split.count", 0) > 1 or source.number(f"{source.arch}.expert_count", 0) > 0:
        raise BadInput(f"{source.path}: a GGUF in several files, or of a mixture of experts, cannot be patched")


def _kept_values(source: Gguf) -> dict[str, Value]:
    return {key: value for key, value in source.values.items() if not key.startswith(_DROPPED)}


def _vocabulary(source: Gguf, size: int, added: Sequence[str], count: int) -> dict[str, Value]:
    """The header's values that grow with the vocabulary; the last `count` of `added` are octo's, others fill a gap."""
    kinds = [_UNUSED] * (len(added) - count) + [_CONTROL] * count
    normal = Value(ARRAY, struct.pack(f"<IQ{size}i", INT32, size, *([_NORMAL] * size)))
    texts = b"".join(_text_bytes(t.encode()) for t in added)
    grown = {
        _TOKENS: _longer(source.values[_TOKENS], len(added), texts),
        _KINDS: _longer(source.values.get(_KINDS, normal), len(added), struct.pack(f"<{len(added)}i", *kinds)),
    }
    if _SCORES in source.values:
        scores = struct.pack("<f", _SPM_SCORE) * len(added)
        grown[_SCORES] = _longer(source.values[_SCORES], len(added), scores)
    if f"{source.arch}.vocab_size" in source.values:
        grown[f"{source.arch}.vocab_size"] = _number_value(size + len(added))
    return grown


def _write_file(out: Path, values: Mapping[str, Value], tensors: Sequence[tuple[Tensor, _Source]]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            _write_header(file, values, [tensor for tensor, _ in tensors])
            for tensor, get in tensors:
                _write_tensor(file, tensor, get())
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _write_header(file: IO[bytes], values: Mapping[str, Value], tensors: Sequence[Tensor]) -> None:
    # The base's alignment is not carried over: places are counted anew.
    values = {key: value for key, value in values.items() if key != "general.alignment"}
    file.write(b"GGUF" + struct.pack("<IQQ", gguf.GGUF_VERSION, len(tensors), len(values)))
    for key, value in values.items():
        file.write(_text_bytes(key.encode()) + struct.pack("<I", value.kind) + value.data)
    place = 0
    for tensor in tensors:
        axes = tensor.shape[::-1]
        file.write(_text_bytes(tensor.name.encode()))
        file.write(struct.pack(f"<I{len(axes)}QIQ", len(axes), *axes, int(tensor.kind), place))
        place += _padded(tensor.bytes, gguf.GGUF_DEFAULT_ALIGNMENT)
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
