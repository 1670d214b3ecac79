"""A GGUF's weights and vocabulary in memory. Contexts of one or of several apps read with them: see `llama_engine`."""

import ctypes
from pathlib import Path
from typing import Any

import llama_cpp as lc

from octocli.core.errors import BadInput
from octocli.model.quantise import silence


class LlamaModel:
    """A loaded GGUF.

    Raises:
        BadInput: the file is no GGUF, or one that llama.cpp cannot load.
    """

    def __init__(self, path: Path) -> None:
        silence()
        self.path = path
        self.handle = _load(path)
        self.vocab = lc.llama_model_get_vocab(self.handle)
        self.size = int(lc.llama_vocab_n_tokens(self.vocab))

    def metadata(self, key: str) -> str | None:
        """A text of the file's header, or None where it has none."""
        buffer = ctypes.create_string_buffer(1 << 16)
        count = lc.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        if count >= len(buffer):
            buffer = ctypes.create_string_buffer(count + 1)
            lc.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return None if count < 0 else buffer.value.decode("utf-8")

    @property
    def opening(self) -> list[int]:
        """The base's opening token, if it wants one."""
        return [int(lc.llama_vocab_bos(self.vocab))] if lc.llama_vocab_get_add_bos(self.vocab) else []

    def tokenise(self, text: str, *, special: bool = False) -> list[int]:
        """Ids of a text; special tokens in it are tokens only where that is asked for."""
        data = text.encode("utf-8")
        room = len(data) + 8
        ids = (lc.llama_token * room)()
        count = lc.llama_tokenize(self.vocab, data, len(data), ids, room, False, special)
        return list(ids[:count])

    def text(self, ids: list[int]) -> str:
        """The text of plain ids."""
        buffer = ctypes.create_string_buffer(1024)
        parts = []
        for token in ids:
            count = lc.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
            parts.append(buffer.raw[:count])
        return b"".join(parts).decode("utf-8", "replace")

    def adapter(self, path: Path) -> Any:
        """A LoRA for this model, read from its own GGUF; freed with the model.

        Raises:
            BadInput: the file is no adapter, or one of another base.
        """
        if not path.exists():
            raise BadInput(f"{path}: no such adapter", hint="make it with: octo export --adapter")
        adapter = lc.llama_adapter_lora_init(self.handle, str(path).encode())
        if not adapter:
            raise BadInput(f"{path}: no adapter for {self.path.name}", hint="export both again: octo export --adapter")
        return adapter

    def close(self) -> None:
        """Free the weights; contexts must be gone by then."""
        if self.handle is not None:
            lc.llama_model_free(self.handle)
            self.handle = None


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
