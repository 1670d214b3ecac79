"""Rows said again with other values: what one sample copies from its query, another sample's call may take.

Two rows that differ in a value teach that it is copied, where one row seen twice teaches its words by heart. Only free
text that stands once in the query is exchanged, for text that other samples give to the same parameter. (For slot
filling: Dai and Adel, "An analysis of simple data augmentation for named entity recognition", arXiv 2010.11683, section
3, mention replacement.)
"""

import copy
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from octocli.core.calls import argument_pointer, is_default
from octocli.core.copying import chunks, is_free_text, stands_in
from octocli.core.kinds import has_resolver
from octocli.core.samples import Sample
from octocli.core.spec import Spec
from octocli.core.splits import normal


@dataclass(frozen=True)
class _Place:
    """A value that may be exchanged: its argument, and the stretch of the query's chunks where it stands."""

    call: int
    function: str
    parameter: str
    start: int
    size: int

    @property
    def pointer(self) -> str:
        return argument_pointer(f"/{self.call}", self.parameter)

    def overlaps(self, start: int, size: int) -> bool:
        return start < self.start + self.size and self.start < start + size


class ValueSwaps:
    """The values that a set of samples offers to each parameter.

    Args:
        samples: the training rows.
        spec: their functions.
        copied: the parameters that are always copied, by function.
        taken: normal forms of queries that no swap may make, such as those of held-out rows.
    """

    def __init__(
        self,
        samples: Iterable[Sample],
        spec: Spec,
        copied: Mapping[str, Sequence[str]],
        taken: frozenset[str] = frozenset(),
    ) -> None:
        self._taken = taken
        self._spec = spec
        self._copied = copied
        offered: dict[tuple[str, str], dict[str, None]] = {}
        for sample in samples:
            for place in self._places(sample):
                values = offered.setdefault((place.function, place.parameter), {})
                values[sample.calls[place.call]["arguments"][place.parameter]] = None
        self._offered = {key: tuple(values) for key, values in offered.items()}

    def again(self, sample: Sample, share: float, rng: random.Random) -> Sample:
        """The sample with about `share` of its copied values exchanged, in the query and in the calls.

        It stays as it is where the new words would run into the ones beside them, or the query is taken.
        """
        query = chunks(sample.query)
        calls: list[dict[str, Any]] = copy.deepcopy([dict(call) for call in sample.calls])
        # From the right, so that what stands further left stays where it was found.
        places = sorted(self._places(sample), key=lambda p: -p.start)
        for place in places:
            if rng.random() < share:
                value = rng.choice(self._offered[place.function, place.parameter])
                query[place.start : place.start + place.size] = [value]
                calls[place.call]["arguments"][place.parameter] = value
        changed = replace(sample, query="".join(query), calls=tuple(calls))
        values = [calls[p.call]["arguments"][p.parameter] for p in places]
        fits = normal(changed.query) not in self._taken and all(stands_in(value, changed.query) for value in values)
        return changed if fits else sample

    def _places(self, sample: Sample) -> list[_Place]:
        """The values of a sample that stand once in its query and share no word with anything else in its calls."""
        offered = chunks(sample.query.casefold())
        if len(offered) != len(chunks(sample.query)):  # a few letters fold to a letter and a sign
            return []
        found = [
            _Place(index, call["name"], name, starts[0], len(words))
            for index, call in enumerate(sample.calls)
            for name, value in call.get("arguments", {}).items()
            if self._is_copied(call["name"], name, value)
            and len(starts := _starts(words := chunks(value.casefold()), offered)) == 1
            and stands_in(value, sample.query)
        ]
        texts = [(pointer, chunks(text.casefold())) for pointer, text in _texts(sample)]
        used = [(pointer, start, len(words)) for pointer, words in texts if words for start in _starts(words, offered)]
        return [
            place
            for place in found
            if place.pointer not in sample.said
            and not any(place.overlaps(start, size) for pointer, start, size in used if pointer != place.pointer)
        ]

    def _is_copied(self, function: str, name: str, value: Any) -> bool:
        if not isinstance(value, str) or not value or name not in self._copied.get(function, ()):
            return False
        parameter = self._spec.by_name[function].param(name)
        if parameter is None or is_default(value, parameter.schema):
            return False
        return is_free_text(parameter) and not has_resolver(name, parameter.schema)


def _starts(wanted: list[str], offered: list[str]) -> list[int]:
    size = len(wanted)
    return [i for i in range(len(offered) - size + 1) if offered[i : i + size] == wanted]


def _texts(sample: Sample) -> Iterator[tuple[str, str]]:
    """Yield every value of the calls as text, and every word said for one, each with its pointer."""
    yield from sample.said.items()
    for index, call in enumerate(sample.calls):
        for name, value in call.get("arguments", {}).items():
            for text in _leaves(value):
                yield argument_pointer(f"/{index}", name), text


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _leaves(part)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
