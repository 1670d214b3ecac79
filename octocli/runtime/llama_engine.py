"""A GGUF as an engine: llama.cpp through its C functions, one context, rewound to what two prompts share.

Special ids come from the manifest inside the file, so the file alone is enough.
"""

import ctypes
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import llama_cpp as lc
import numpy as np

from octocli.core.errors import BadInput
from octocli.core.manifest import GGUF_KEY, parse_manifest
from octocli.model.quantise import silence
from octocli.runtime.engine import CONTEXT, shared_prefix

_BATCH = 512


class LlamaEngine:
    """Reads ids with llama.cpp. One sequence at a time."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        silence()
        self._context = None
        self._model = _load(path)
        self._vocab = lc.llama_model_get_vocab(self._model)
        self.manifest = parse_manifest(_read_manifest(self._model, path), str(path))
        tokens = self.manifest.tokens.all_tokens(self.manifest.spec)
        self._special = {token: self._single_id(token, path) for token in tokens}
        self._size = int(lc.llama_vocab_n_tokens(self._vocab))
        self._context = _context(self._model, threads or min(4, os.cpu_count() or 1))
        self._batch = lc.llama_batch_init(_BATCH, 0, 1)
        self._read: list[int] = []

    @property
    def special(self) -> Mapping[str, int]:
        """Ids of octo's tokens."""
        return self._special

    @property
    def opening(self) -> list[int]:
        """The base's opening token, if it wants one."""
        return [int(lc.llama_vocab_bos(self._vocab))] if lc.llama_vocab_get_add_bos(self._vocab) else []

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; special tokens are not parsed."""
        return self._tokenise(text, special=False)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of plain ids."""
        buffer = ctypes.create_string_buffer(1024)
        parts = []
        for token in ids:
            count = lc.llama_token_to_piece(self._vocab, token, buffer, len(buffer), 0, False)
            parts.append(buffer.raw[:count])
        return b"".join(parts).decode("utf-8", "replace")

    def read(self, ids: Sequence[int], last: int = 1) -> np.ndarray:
        """Read a sequence; logits [last, vocabulary]."""
        keep = min(shared_prefix(self._read, ids), len(ids) - last)
        if keep < len(self._read):
            self._read = self._read[:keep]
            lc.llama_memory_seq_rm(lc.llama_get_memory(self._context), 0, keep, -1)
        return self._forward(ids[keep:], last)

    def read_many(self, sequences: Sequence[tuple[Sequence[int], int]]) -> list[np.ndarray]:
        """Read several sequences, one after the other: the shared prompt is kept between them."""
        return [self.read(ids, last) for ids, last in sequences]

    def grammar_tokenizer(self) -> Any:
        """The vocabulary for llguidance; octo's end token is its end of sequence."""
        from llguidance.llamacpp import lltokenizer_from_vocab

        return lltokenizer_from_vocab(self._vocab, eos_token=self._special[self.manifest.tokens.end])

    def close(self) -> None:
        """Free context and weights."""
        if self._context is not None:
            lc.llama_batch_free(self._batch)
            lc.llama_free(self._context)
            lc.llama_model_free(self._model)
            self._context = None

    def _forward(self, ids: Sequence[int], keep: int) -> np.ndarray:
        """Logits after the last `keep` ids."""
        rows = []
        for start in range(0, len(ids), _BATCH):
            chunk = ids[start : start + _BATCH]
            wanted = [start + i >= len(ids) - keep for i in range(len(chunk))]
            self._fill(chunk, wanted)
            if lc.llama_decode(self._context, self._batch) != 0:
                raise RuntimeError("llama.cpp could not decode; is there memory left?")
            self._read += chunk
            rows += [
                np.ctypeslib.as_array(lc.llama_get_logits_ith(self._context, i), (self._size,)).copy()
                for i, want in enumerate(wanted)
                if want
            ]
        return np.stack(rows)

    def _fill(self, ids: Sequence[int], wanted: Sequence[bool]) -> None:
        batch = self._batch
        batch.n_tokens = len(ids)
        for index, (token, want) in enumerate(zip(ids, wanted, strict=True)):
            batch.token[index] = token
            batch.pos[index] = len(self._read) + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = want

    def _tokenise(self, text: str, *, special: bool) -> list[int]:
        data = text.encode("utf-8")
        room = len(data) + 8
        ids = (lc.llama_token * room)()
        count = lc.llama_tokenize(self._vocab, data, len(data), ids, room, False, special)
        return list(ids[:count])

    def _single_id(self, token: str, path: Path) -> int:
        ids = self._tokenise(token, special=True)
        if len(ids) != 1:
            raise BadInput(f"{path}: {token} is no token of this GGUF", hint="export it again with: octo export")
        return ids[0]


def _load(path: Path) -> Any:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise BadInput(f"{path}: not a GGUF file", hint="give a run folder or a file from dist/")
    parameters = lc.llama_model_default_params()
    parameters.n_gpu_layers = -1  # all of them, where this llama.cpp was built for a GPU
    model = lc.llama_model_load_from_file(str(path).encode(), parameters)
    if not model:
        raise BadInput(f"{path}: llama.cpp cannot load this GGUF", hint="is it whole? export it again: octo export")
    return model


def _read_manifest(model: Any, path: Path) -> Any:
    buffer = ctypes.create_string_buffer(1 << 16)
    count = lc.llama_model_meta_val_str(model, GGUF_KEY.encode(), buffer, len(buffer))
    if count < 0:
        lc.llama_model_free(model)
        raise BadInput(f"{path}: a GGUF, but not octo's (no {GGUF_KEY} in it)", hint="make one with: octo export")
    if count >= len(buffer):
        buffer = ctypes.create_string_buffer(count + 1)
        lc.llama_model_meta_val_str(model, GGUF_KEY.encode(), buffer, len(buffer))
    return json.loads(buffer.value.decode("utf-8"))


def _context(model: Any, threads: int) -> Any:
    parameters = lc.llama_context_default_params()
    parameters.n_ctx = CONTEXT
    parameters.n_batch = parameters.n_ubatch = _BATCH
    # One id at a time a second thread gains little, and loses much where another program wants the core.
    parameters.n_threads, parameters.n_threads_batch = 1, threads
    parameters.flash_attn_type = lc.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = lc.llama_init_from_model(model, parameters)
    if not context:
        raise RuntimeError("llama.cpp could not make a context; is there memory left?")
    return context
