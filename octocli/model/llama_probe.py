"""Questions to llama.cpp about a GGUF that is being made: how it cuts text, and what it computes.

Not for answering: that is `runtime/llama_engine`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import llama_cpp as lc
import numpy as np

from octocli.core.errors import OctoError
from octocli.model.quantise import silence


def cut_texts(path: Path, texts: Sequence[str]) -> list[list[int]] | None:
    """The ids that llama.cpp gives to each text, special tokens unread; None if it cannot open the file."""
    with _model(path, vocabulary_only=True) as model:
        if not model:
            return None
        vocabulary = lc.llama_model_get_vocab(model)
        return [_ids(vocabulary, text) for text in texts]


def last_logits(path: Path, sequences: Sequence[Sequence[int]]) -> list[np.ndarray] | None:
    """Logits [vocabulary] after each sequence of ids; None if llama.cpp cannot open the file."""
    with _model(path) as model:
        if not model:
            return None
        size = int(lc.llama_vocab_n_tokens(lc.llama_model_get_vocab(model)))
        return [_logits(model, ids, size) for ids in sequences]


@contextmanager
def _model(path: Path, *, vocabulary_only: bool = False) -> Iterator[Any]:
    silence()
    parameters = lc.llama_model_default_params()
    parameters.vocab_only = vocabulary_only
    model = lc.llama_model_load_from_file(os.fsencode(path), parameters)
    try:
        yield model
    finally:
        if model:
            lc.llama_model_free(model)


def _ids(vocabulary: Any, text: str) -> list[int]:
    data = text.encode()
    room = len(data) + 8
    ids = (lc.llama_token * room)()
    count = lc.llama_tokenize(vocabulary, data, len(data), ids, room, False, False)
    return list(ids[:count])


def _logits(model: Any, ids: Sequence[int], size: int) -> np.ndarray:
    parameters = lc.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = len(ids)
    context = lc.llama_init_from_model(model, parameters)
    if not context:
        raise OctoError("llama.cpp could not make a context to try the GGUF", hint="is there memory left?")
    try:
        array = (lc.llama_token * len(ids))(*ids)  # the batch only points to it
        if lc.llama_decode(context, lc.llama_batch_get_one(array, len(ids))) != 0:
            raise OctoError("llama.cpp could not compute with the GGUF", hint="is there memory left?")
        return np.array(np.ctypeslib.as_array(lc.llama_get_logits_ith(context, -1), (size,)))
    finally:
        lc.llama_free(context)
