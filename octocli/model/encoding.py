"""Samples as ids with their loss weights, and the order in which they are learnt.

A row is prompt + target (+ the function's description after the end token, for a share of the samples, as in
arXiv 2404.01744 section 3.2). Loss falls on everything after the prompt.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from octocli.core.calls import write_target
from octocli.core.manifest import Manifest
from octocli.core.prompts import DESCRIPTION_LEAD
from octocli.core.samples import Sample
from octocli.core.spec import Function
from octocli.model.vocabulary import Vocabulary


@dataclass(frozen=True)
class Row:
    """One training row: what is given, what is learnt, and the loss weight of each learnt id."""

    given: tuple[int, ...]
    learnt: tuple[int, ...]
    weights: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.given) + len(self.learnt)


def describing_text(function: Function) -> str:
    """The words whose base rows the row of a function's token starts from."""
    return f" {function.name.replace('_', ' ')}: {function.description}"


def encode(
    sample: Sample, manifest: Manifest, vocabulary: Vocabulary, *, token_weight: float = 1.0, describe: bool = False
) -> Row:
    """A sample as ids; with `describe`, the first called function's description follows the end token."""
    pieces = write_target(sample.calls, manifest.spec, manifest.tokens, sample.said)
    learnt = vocabulary.pieces(pieces)
    if describe and sample.calls:
        function = manifest.spec.by_name[sample.calls[0]["name"]]
        learnt += vocabulary.text(f"{DESCRIPTION_LEAD}{function.description}")
    special = set(vocabulary.ids.values())
    weights = tuple(token_weight if i in special else 1.0 for i in learnt)
    return Row(tuple(vocabulary.prompt(manifest.prompt, sample.query)), tuple(learnt), weights)


def encode_all(
    samples: Sequence[Sample],
    manifest: Manifest,
    vocabulary: Vocabulary,
    *,
    token_weight: float,
    describe: float,
    seed: int,
) -> list[Row]:
    """Every sample as a row; which ones carry a description is drawn from the seed."""
    chance = random.Random(seed)
    return [
        encode(s, manifest, vocabulary, token_weight=token_weight, describe=chance.random() < describe) for s in samples
    ]


def batches(passes: Sequence[Sequence[Row]], size: int, seed: int) -> Iterator[list[Row]]:
    """Yield the batches of each pass over the data: rows of like length together, batches in random order.

    The order hangs on the seed alone, so a resumed run skips the batches that it has had.
    """
    for number, rows in enumerate(passes):
        chance = random.Random(f"{seed}/{number}")
        order = list(rows)
        chance.shuffle(order)
        order.sort(key=len)  # stable: equal lengths stay shuffled
        chunks = [order[i : i + size] for i in range(0, len(order), size)]
        chance.shuffle(chunks)
        yield from chunks


def count_batches(passes: Sequence[Sequence[Row]], size: int) -> int:
    """How many steps `batches` gives."""
    return sum(-(-len(rows) // size) for rows in passes)
