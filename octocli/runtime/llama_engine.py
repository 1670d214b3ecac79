"""A GGUF as an engine: llama.cpp through its C functions, one context, rewound to what two prompts share.

Special ids come from the manifest inside the file, so the file alone is enough. Where several apps share one model,
each has an engine, and so a context, of its own: what was read under one adapter is worth nothing under another.
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
from octocli.core.manifest import GGUF_KEY, Manifest, parse_manifest
from octocli.runtime.engine import CONTEXT, shared_prefix
from octocli.runtime.llama_model import LlamaModel

_BATCH = 512


class LlamaEngine:
    """Reads ids with llama.cpp. One sequence at a time.

    Args:
        model: the weights.
        manifest: what they, or the adapter, were taught.
        adapter: a LoRA GGUF for the weights.
        threads: for reading many ids at once; as many as the machine has, four at most, if not told.
        shares: whether the weights are other engines', too, and stay when this one is closed.
    """

    def __init__(
        self,
        model: LlamaModel,
        manifest: Manifest,
        *,
        adapter: Path | None = None,
        threads: int | None = None,
        shares: bool = False,
    ) -> None:
        self.manifest = manifest
        self._model, self._shares = model, shares
        self._context = None
        tokens = manifest.tokens.all_tokens(manifest.spec)
        self._special = {token: self._single_id(token) for token in tokens}
        lora = None if adapter is None else model.adapter(adapter)
        self._context = _context(model, threads or min(4, os.cpu_count() or 1))
        if lora is not None:
            loras, scales = (lc.llama_adapter_lora_p_ctypes * 1)(lora), (ctypes.c_float * 1)(1.0)
            lc.llama_set_adapters_lora(self._context, loras, 1, scales)
        self._batch = lc.llama_batch_init(_BATCH, 0, 1)
        self._read: list[int] = []

    @property
    def special(self) -> Mapping[str, int]:
        """Ids of octo's tokens."""
        return self._special

    @property
    def opening(self) -> list[int]:
        """The base's opening token, if it wants one."""
        return self._model.opening

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; special tokens are not parsed."""
        return self._model.tokenise(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of plain ids."""
        return self._model.text(list(ids))

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

        return lltokenizer_from_vocab(self._model.vocab, eos_token=self._special[self.manifest.tokens.end])

    def close(self) -> None:
        """Free the context, and the weights where they are nobody else's."""
        if self._context is not None:
            lc.llama_batch_free(self._batch)
            lc.llama_free(self._context)
            self._context = None
            if not self._shares:
                self._model.close()

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
                np.ctypeslib.as_array(lc.llama_get_logits_ith(self._context, i), (self._model.size,)).copy()
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

    def _single_id(self, token: str) -> int:
        ids = self._model.tokenise(token, special=True)
        if len(ids) != 1:
            raise BadInput(
                f"{self._model.path}: {token} is no token of this GGUF", hint="export it again with: octo export"
            )
        return ids[0]


def open_gguf_engine(path: Path, *, threads: int | None = None) -> LlamaEngine:
    """The engine of a file that octo exported.

    Raises:
        BadInput: no GGUF, or one that is not octo's.
    """
    model = LlamaModel(path)
    try:
        text = model.metadata(GGUF_KEY)
        if text is None:
            raise BadInput(f"{path}: a GGUF, but not octo's (no {GGUF_KEY} in it)", hint="make one with: octo export")
        return LlamaEngine(model, parse_manifest(json.loads(text), str(path)), threads=threads)
    except BadInput:
        model.close()
        raise


def _context(model: LlamaModel, threads: int) -> Any:
    parameters = lc.llama_context_default_params()
    parameters.n_ctx = CONTEXT
    parameters.n_batch = parameters.n_ubatch = _BATCH
    # One id at a time a second thread gains little, and loses much where another program wants the core.
    parameters.n_threads, parameters.n_threads_batch = 1, threads
    parameters.flash_attn_type = lc.LLAMA_FLASH_ATTN_TYPE_ENABLED
    context = lc.llama_init_from_model(model.handle, parameters)
    if not context:
        raise RuntimeError("llama.cpp could not make a context; is there memory left?")
    return context
