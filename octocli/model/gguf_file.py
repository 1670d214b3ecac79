"""Write a base GGUF again with new weights, tokens and metadata.

What octo does not change stays as the base has it. Reading is in `gguf_header`, the bytes in `gguf_writer`, names and
storage of tensors in `gguf_names`, quantising in `quantise`.
"""

import json
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import gguf
import numpy as np

from octocli.core.errors import BadInput, OctoError
from octocli.core.prompts import SLOT, Prompt
from octocli.model.gguf_header import (
    ARRAY,
    Gguf,
    Tensor,
    Value,
    cut_rows,
    open_gguf,
)
from octocli.model.gguf_names import EMBEDDING, HEAD, Floats
from octocli.model.gguf_writer import (
    Source,
    byte_texts_value,
    longer,
    number_value,
    numbers_value,
    text_bytes,
    text_value,
    write_file,
)

_TEMPLATE = "tokenizer.chat_template"
_FILE_TYPES = {"f32": 0, "f16": 1}
# Kinds of token in llama.cpp's vocabulary. CONTROL is never matched in plain text, so users cannot inject a function.
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5
_SPM_SCORE = -1000.0
# llama-cpp-python shows a longer token as nothing.
_TOKEN_BYTES = 32
_TOKENS, _KINDS, _SCORES = "tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.scores"
# Of the base's own making: other templates would drop octo's prompt, the rest describes the file that is left behind.
_DROPPED = (_TEMPLATE, "tokenizer.huggingface.", "quantize.", "split.")


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


@dataclass(frozen=True)
class _Patch:
    """A base and what is new about its tensors."""

    base: Gguf
    weights: Mapping[str, np.ndarray]
    rows: Floats
    head_rows: Floats | None
    outtype: str

    def planned(self, size: int, base_size: int) -> list[tuple[Tensor, Source]]:
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
    ) -> tuple[Tensor, Source]:
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
            yield from self.base.blocks(old.name) if name is None else cut_rows(self._weight(name, kept))
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
    renamed: Mapping[int, str] = MappingProxyType({}),
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
        renamed: other texts for tokens that the base left unused, by id; `weights` must hold their rows.
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
    _check(source, old, [*added, *renamed.values()], end_token, np.asarray(rows), head_rows, len(new_tokens))
    values = _kept_values(source)
    values.update(_vocabulary(source, len(old), added, len(new_tokens)))
    texts_by_id = dict(enumerate([*old, *(t.encode() for t in added)])) | {i: t.encode() for i, t in renamed.items()}
    if renamed:
        values.update(_with_names(values, texts_by_id, renamed))
    ids = {token: i for i, token in texts_by_id.items()}
    values["tokenizer.ggml.eot_token_id"] = number_value(ids[end_token.encode()])
    values["general.file_type"] = number_value(_FILE_TYPES[outtype])
    texts = {_TEMPLATE: chat_template, "general.name": name, **({"general.license": licence} if licence else {})}
    values.update((key, text_value(text)) for key, text in {**texts, **metadata}.items())
    head = None if head_rows is None else np.asarray(head_rows, dtype=np.float32)
    patch = _Patch(source, weights, np.asarray(rows, dtype=np.float32), head, outtype)
    write_file(out, values, patch.planned(len(old), first))


def _with_names(values: Mapping[str, Value], texts: Mapping[int, bytes], renamed: Collection[int]) -> dict[str, Value]:
    """The header's tokens and their kinds with some of them renamed; these become CONTROL."""
    head, kinds = values[_KINDS].data[:12], bytearray(values[_KINDS].data[12:])
    for index in renamed:
        struct.pack_into("<i", kinds, 4 * index, _CONTROL)
    return {_TOKENS: byte_texts_value(list(texts.values())), _KINDS: Value(ARRAY, head + bytes(kinds))}


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
    normal = numbers_value([_NORMAL] * size)
    texts = b"".join(text_bytes(t.encode()) for t in added)
    grown = {
        _TOKENS: longer(source.values[_TOKENS], len(added), texts),
        _KINDS: longer(source.values.get(_KINDS, normal), len(added), struct.pack(f"<{len(added)}i", *kinds)),
    }
    if _SCORES in source.values:
        scores = struct.pack("<f", _SPM_SCORE) * len(added)
        grown[_SCORES] = longer(source.values[_SCORES], len(added), scores)
    if f"{source.arch}.vocab_size" in source.values:
        grown[f"{source.arch}.vocab_size"] = number_value(size + len(added))
    return grown
