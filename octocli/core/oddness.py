"""How odd a query's wording is among the other queries of its function, and which of its words make it so.

A word's surprise is -log2 of the share of other samples of the function that hold it, in bits; a query's is the mean
of its words'. Words of values are left out: a name is always rare, and `verify` looks after values. Queries of one
function may be more varied than those of another, so what ranks is how far a query lies from its own function's mean.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from octocli.core.calls import called_functions
from octocli.core.samples import Sample
from octocli.core.spec import Spec
from octocli.core.spec_review.words import words_of

NO_FUNCTION = "none"
# What a word counts that no other sample has: half a sample, so that its surprise is finite.
_UNSEEN = 0.5
_WORDS_SHOWN = 3


@dataclass(frozen=True)
class RareWord:
    """A word of an odd query: how many of the other samples have it, and where it is more at home."""

    word: str
    others: int
    at_home: str
    there: int


@dataclass(frozen=True)
class Oddity:
    """A sample with its oddness.

    Attributes:
        sample: the sample.
        function: the first function that it calls, or `none`.
        bits: mean surprise of its words.
        usual: the mean of that over the function's samples.
        spread: its standard deviation over them.
        among: how many other samples it was compared with.
        rare: its rarest words, the rarest first.
    """

    sample: Sample
    function: str
    bits: float
    usual: float
    spread: float
    among: int
    rare: tuple[RareWord, ...]

    @property
    def score(self) -> float:
        """How many standard deviations it lies above the mean of its function."""
        return (self.bits - self.usual) / self.spread if self.spread else 0.0


def oddest(samples: Sequence[Sample], spec: Spec, count: int, wanted: Callable[[Sample], bool]) -> list[Oddity]:
    """The samples whose wording is furthest from the others of their function, the oddest first.

    Args:
        samples: all that are compared.
        spec: the spec that their calls are of.
        count: how many at most; those that are not above their function's mean are never among them.
        wanted: which of them may be named.
    """
    return _Wordings(samples, spec).oddest(count, wanted)


class _Wordings:
    """Every sample's words, and how many samples of each function have each word."""

    def __init__(self, samples: Sequence[Sample], spec: Spec) -> None:
        self.samples = samples
        self.words = [_own_words(sample) for sample in samples]
        self.functions = [tuple(dict.fromkeys(called_functions(s.calls, spec))) or (NO_FUNCTION,) for s in samples]
        self.sizes: Counter[str] = Counter()
        self.holders: dict[str, Counter[str]] = {}
        self._known: dict[tuple[tuple[str, ...], str], float] = {}
        for words, functions in zip(self.words, self.functions, strict=True):
            for function in functions:
                self.sizes[function] += 1
                self.holders.setdefault(function, Counter()).update(words)

    @cached_property
    def bits(self) -> list[float]:
        """The mean surprise of each sample's words; 0 where it has none of its own."""
        return [
            sum(self._surprise(word, functions) for word in words) / len(words) if words else 0.0
            for words, functions in zip(self.words, self.functions, strict=True)
        ]

    def _surprise(self, word: str, functions: tuple[str, ...]) -> float:
        """Of a word of one sample, under all others; with several functions called, under the one it suits best."""
        if (functions, word) not in self._known:
            share = max((self.holders[f][word] - 1 + _UNSEEN) / self.sizes[f] for f in functions)
            self._known[functions, word] = -math.log2(share)
        return self._known[functions, word]

    def oddest(self, count: int, wanted: Callable[[Sample], bool]) -> list[Oddity]:
        usual = {function: _mean_and_spread(bits) for function, bits in self._by_function().items()}

        def score(index: int) -> float:
            mean, spread = usual[self.functions[index][0]]
            return (self.bits[index] - mean) / spread if spread else 0.0

        above = (i for i, sample in enumerate(self.samples) if score(i) > 0 and wanted(sample))
        return [self._oddity(i, *usual[self.functions[i][0]]) for i in heapq.nlargest(count, above, key=score)]

    def _by_function(self) -> dict[str, list[float]]:
        grouped: dict[str, list[float]] = {}
        for functions, bits in zip(self.functions, self.bits, strict=True):
            grouped.setdefault(functions[0], []).append(bits)
        return grouped

    def _oddity(self, index: int, mean: float, spread: float) -> Oddity:
        functions = self.functions[index]
        rare = sorted(self.words[index], key=lambda word: -self._surprise(word, functions))[:_WORDS_SHOWN]
        return Oddity(
            self.samples[index], functions[0], self.bits[index], mean, spread, self.sizes[functions[0]] - 1,
            tuple(self._rare_word(word, functions) for word in rare),
        )  # fmt: skip

    def _rare_word(self, word: str, functions: tuple[str, ...]) -> RareWord:
        others = max(self.holders[f][word] for f in functions) - 1
        home = max(self.holders, key=lambda f: (self.holders[f][word] / self.sizes[f], f))
        return RareWord(word, others, home, self.holders[home][word])


def _own_words(sample: Sample) -> tuple[str, ...]:
    """The words of a query that are no value's, each once."""
    values = {word for text in sample.said.values() for word in _value_words(text)}
    for call in sample.calls:
        for text in _texts(call.get("arguments", {})):
            values.update(_value_words(text))
    return tuple(word for word in dict.fromkeys(words_of(sample.query)) if word not in values)


@lru_cache(maxsize=4096)
def _value_words(text: str) -> tuple[str, ...]:
    # Values come again and again, queries do not.
    return tuple(words_of(text))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif isinstance(value, (int, float)):
        yield str(value)


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
