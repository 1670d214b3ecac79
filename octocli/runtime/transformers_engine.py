"""A finished run as an engine: the base with the training merged in, float32, with a key-value cache.

The reference that exports are measured against; llama.cpp is the fast one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoTokenizer, DynamicCache

from octocli.core.errors import BadInput
from octocli.core.manifest import Manifest
from octocli.model.adapter import load_trained
from octocli.model.bases import open_base
from octocli.model.vocabulary import Vocabulary
from octocli.runtime.engine import shared_prefix


class TransformersEngine:
    """Reads ids with transformers. One sequence at a time."""

    def __init__(self, run: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        base = open_base(str(manifest.base["name"]))
        if base.checksum != manifest.base["checksum"]:
            raise BadInput(f"{run}: trained on another {base.name} than the one that is installed now")
        self.trained = load_trained(run, base.folder)
        tokens = manifest.tokens.all_tokens(manifest.spec)
        tokenizer = AutoTokenizer.from_pretrained(run)
        self.vocabulary = Vocabulary(
            tokenizer, self.trained.base_size, {t: int(tokenizer.convert_tokens_to_ids(t)) for t in tokens}
        )
        self._cache = DynamicCache()
        self._read: list[int] = []

    @property
    def special(self) -> Mapping[str, int]:
        """Ids of octo's tokens."""
        return self.vocabulary.ids

    @property
    def opening(self) -> list[int]:
        """The base's opening token, if it wants one."""
        return self.vocabulary.opening

    def encode(self, text: str) -> list[int]:
        """Ids of plain text."""
        return self.vocabulary.text(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of plain ids."""
        return str(self.vocabulary.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

    def begin(self, ids: Sequence[int]) -> np.ndarray:
        """Read a new sequence; logits [vocabulary] after it."""
        keep = min(shared_prefix(self._read, ids), len(ids) - 1)
        self.rewind(len(self._read) - keep)
        return np.asarray(self._forward(ids[keep:], 1)[0])

    def extend(self, ids: Sequence[int]) -> np.ndarray:
        """Read on; logits [len(ids), vocabulary]."""
        return self._forward(ids, len(ids))

    def rewind(self, count: int) -> None:
        """Forget the last `count` ids."""
        if count:
            self._read = self._read[: len(self._read) - count]
            if self._read:
                self._cache.crop(len(self._read))
            else:
                self._cache = DynamicCache()

    def grammar_tokenizer(self) -> Any:
        """The vocabulary for llguidance; octo's end token is its end of sequence."""
        from llguidance.hf import from_tokenizer

        end = self.special[self.manifest.tokens.end]
        return from_tokenizer(self.vocabulary.tokenizer, n_vocab=self.vocabulary.size, eos_token=end)

    def close(self) -> None:
        """Free the weights."""
        del self.trained

    @torch.inference_mode()
    def _forward(self, ids: Sequence[int], keep: int) -> np.ndarray:
        output = self.trained.model(
            input_ids=torch.tensor([list(ids)]), past_key_values=self._cache, use_cache=True, logits_to_keep=keep
        )
        self._read += ids
        return np.asarray(output.logits[0].float().numpy())
