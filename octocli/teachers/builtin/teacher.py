"""The built-in teacher: streams of samples made from the spec and the phrase book alone.

Positives are written by `positives.py`, negatives by `negatives.py`; here they are only given their streams.
"""

from collections.abc import Iterator

from octocli.core.samples import Sample, Split
from octocli.core.spec import Function, Spec
from octocli.teachers.base import cell_random
from octocli.teachers.builtin.negatives import KINDS, NegativeWriter
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.builtin.positives import PositiveWriter


class BuiltinTeacher:
    """Writes requests from the spec alone; needs no model.

    Args:
        spec: the app's API.
        seed: the same seed gives the same streams, byte by byte.
        language: the language that it writes.

    Raises:
        BadInput: there is no pack of that language.
    """

    name = "builtin"
    negative_kinds: tuple[str, ...] = KINDS

    def __init__(self, spec: Spec, seed: int = 0, language: str = "en") -> None:
        self.spec = spec
        self.seed = seed
        self._positives = PositiveWriter(spec, language_of(language))
        self._negatives = NegativeWriter(spec, language_of(language))

    def positives(self, function: Function, split: Split) -> Iterator[Sample]:
        """Requests for `function`: single calls, some parallel ones, some with a required argument left out."""
        rng = cell_random(self.seed, "positive", function.name, split)
        yield from self._positives.stream(function, split, rng)

    def examples(self, function: Function) -> tuple[Sample, ...]:
        """The spec's own examples of the function, which open its stream for training."""
        return self._positives.examples[function.name]

    def can_write(self, kind: str, function: Function) -> bool:
        """Whether requests of this kind exist for the function."""
        if kind == "missing":
            return bool(self._positives.omittable(function))
        return kind != "nested" or bool(self._positives.fillers(function))

    def negatives(self, kind: str, split: Split) -> Iterator[Sample]:
        """Requests that no function serves, of one of `negative_kinds`."""
        rng = cell_random(self.seed, "negative", kind, split)
        yield from self._negatives.stream(kind, split, rng)
