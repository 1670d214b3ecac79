"""The seam between decoding and a network: ids in, logits out.

An engine knows its weights, its tokenizer and what it has already read; it knows no grammar and no calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from octocli.core.manifest import Manifest

CONTEXT = 2048
"""The most ids of a prompt and its answer together."""


class Engine(Protocol):
    """A loaded model with its manifest."""

    manifest: Manifest

    @property
    def special(self) -> Mapping[str, int]:
        """Ids of octo's tokens by their text."""

    @property
    def opening(self) -> list[int]:
        """Ids that every sequence begins with, if the base wants any."""

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; never a special token, whatever the text says."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of plain ids."""

    def read(self, ids: Sequence[int], last: int = 1) -> np.ndarray:
        """Read a sequence and give the logits [last, vocabulary] after each of its last ids.

        What it shares with the sequence before is not read again.
        """

    def read_many(self, sequences: Sequence[tuple[Sequence[int], int]]) -> list[np.ndarray]:
        """`read` for several sequences, each with its own `last`; at once where that is faster."""

    def grammar_tokenizer(self) -> Any:
        """The vocabulary as llguidance wants it, made once."""

    def close(self) -> None:
        """Free the weights."""


def prompt_ids(engine: Engine, query: str) -> list[int]:
    """The prompt for a query, frame and user text tokenised apart, as in training."""
    prompt = engine.manifest.prompt
    return [
        *engine.opening,
        *engine.encode(prompt.before),
        *engine.encode(prompt.user(query)),
        *engine.encode(prompt.after),
    ]


def shared_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many ids two sequences share from the start."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    return count
