"""The seam between the synth stage and whoever writes samples: a teacher is a set of repeatable streams.

A stream is named by its cell (function or kind of negative, and split). It depends on the seed and the cell alone, so
a stage may take any number of samples from any stream, in any order, and resume by skipping what it already has.
"""

import hashlib
import random
from collections.abc import Iterator
from typing import Protocol

from octocli.core.samples import Sample, Split
from octocli.core.spec import Function


class Teacher(Protocol):
    """Someone who writes samples for a spec."""

    @property
    def name(self) -> str:
        """What a sample's `teacher` field says."""

    @property
    def negative_kinds(self) -> tuple[str, ...]:
        """The kinds that `negatives` can write."""

    def positives(self, function: Function, split: Split) -> Iterator[Sample]:
        """Requests that `function` serves. Endless as a rule; the taker bounds its draws."""

    def can_write(self, kind: str, function: Function) -> bool:
        """Whether `positives` of the function can hold a sample of this kind."""

    def negatives(self, kind: str, split: Split) -> Iterator[Sample]:
        """Requests that no function of the spec serves. Endless as a rule; the taker bounds its draws."""


def cell_random(seed: int, *cell: str) -> random.Random:
    """The random numbers of one stream: the same for the same seed and cell in every process, and of no other."""
    text = "\x1f".join((str(seed), *cell))
    return random.Random(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big"))
