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
        self.base = base = open_base(str(manifest.base["name"]), project=run.resolve().parents[1])
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

    def read(self, ids: Sequence[int], last: int = 1) -> np.ndarray:
        """Read a sequence; logits [last, vocabulary]."""
        keep = min(shared_prefix(self._read, ids), len(ids) - last)
        self._rewind(len(self._read) - keep)
        return self._forward(ids[keep:], last)

    @torch.inference_mode()
    def read_many(self, sequences: Sequence[tuple[Sequence[int], int]]) -> list[np.ndarray]:
        """Read several sequences in one pass, padded on the right: a causal model never looks there."""
        length = max(len(ids) for ids, _ in sequences)
        batch = torch.tensor([[*ids, *[0] * (length - len(ids))] for ids, _ in sequences])
        states = self.trained.model.base_model(input_ids=batch, use_cache=False).last_hidden_state
        wanted = torch.cat(
            [row[len(ids) - last : len(ids)] for row, (ids, last) in zip(states, sequences, strict=True)]
        )
        logits = self.trained.model.get_output_embeddings()(wanted)
        softcap = getattr(self.trained.model.config.get_text_config(), "final_logit_softcapping", None)
        if softcap:
            logits = torch.tanh(logits / softcap) * softcap
        return [np.asarray(part.float().numpy()) for part in logits.split([last for _, last in sequences])]

    def _rewind(self, count: int) -> None:
        if count:
            self._read = self._read[: len(self._read) - count]
            if self._read:
                self._cache.crop(-count)
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
