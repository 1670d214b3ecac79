"""The checks of `verify` that set rows beside each other: duplicates, contradictions, near-duplicates, near leaks.

What one row says of itself is checked in `checks.py`; which side of the split a row stands on, in `core/splits.py`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

from octocli.core.calls import is_nested
from octocli.core.near_texts import alike, gist, near_texts
from octocli.core.samples import SPLITS, Sample
from octocli.core.spec import Spec
from octocli.core.splits import normal, skeleton_of, walk_arguments
from octocli.stages.progress import OnTick, Tick

Rejected = list[tuple[Sample, str]]

# A word in more rows than this is a word of the app's users, not somebody's typo.
_TYPO_ROWS = 2
# Shorter words are too near to each other, and so are longer ones less alike than this (ratio, 0 to 100).
_TYPO_LETTERS = 4
_TYPO_LIKENESS = 75


@dataclass(frozen=True)
class Meaning:
    """What a sample's calls ask for: all but the free texts in one string, and those apart, without case and signs."""

    shape: str
    texts: tuple[str, ...]

    def nearly(self, other: "Meaning") -> bool:
        """Whether it is the same but for a few letters of a free text."""
        return self.shape == other.shape and all(
            gist(one) == gist(two) or alike(one, two, ordered=True)
            for one, two in zip(self.texts, other.texts, strict=True)
        )


def meaning_of(sample: Sample, spec: Spec) -> Meaning:
    """The meaning of a sample's calls; the order of arguments is none of it."""
    texts: list[str] = []

    def plain(call: Mapping[str, Any]) -> dict[str, Any]:
        function = spec.by_name[call["name"]]
        arguments: dict[str, Any] = {}
        for name in sorted(call.get("arguments", {})):
            value, parameter = call["arguments"][name], function.param(name)
            if is_nested(value, spec, function, name):
                arguments[name] = plain(value)
            elif isinstance(value, str) and parameter is not None and parameter.kind == "text":
                texts.append(normal(value) or value)
                arguments[name] = len(texts)
            else:
                arguments[name] = value
        return {"name": call["name"], "arguments": arguments, "missing": sorted(call.get("missing", ()))}

    shape = json.dumps([plain(call) for call in sample.calls], sort_keys=True, ensure_ascii=False)
    return Meaning(shape, tuple(texts))


def without_duplicates(samples: Sequence[Sample], spec: Spec) -> tuple[list[Sample], Rejected]:
    """Drop rows whose words stand there already and mean the same; the first stays."""
    return _firsts(samples, lambda s: (normal(s.query), meaning_of(s, spec)), "duplicate")


def without_contradictions(samples: Sequence[Sample]) -> tuple[list[Sample], Rejected]:
    """Of rows that say the same words and no longer mean the same, keep the first."""
    return _firsts(samples, lambda s: normal(s.query), "contradiction: the same words, other calls")


def _firsts(
    samples: Sequence[Sample], key_of: Callable[[Sample], Hashable], reason: str
) -> tuple[list[Sample], Rejected]:
    seen: set[Hashable] = set()
    kept: list[Sample] = []
    dropped: Rejected = []
    for sample in samples:
        key = key_of(sample)
        dropped.append((sample, reason)) if key in seen else kept.append(sample)
        seen.add(key)
    return kept, dropped


class Neighbours:
    """Rows of one store by their words, each with the rows whose words are nearly its own.

    Args:
        samples: no two have the same words.
        spec: the app's API.
        on_tick: the search takes seconds where rows are many.
    """

    def __init__(self, samples: Sequence[Sample], spec: Spec, on_tick: OnTick) -> None:
        self._spec = spec
        self._texts = [normal(s.query) for s in samples]
        self._samples = dict(zip(self._texts, samples, strict=True))
        self._meanings = {text: meaning_of(s, spec) for text, s in self._samples.items()}
        self._rows_with = Counter(word for text in self._texts for word in set(text.split()))
        self._spec_words = set(normal(json.dumps(spec.to_json()).replace("_", " ")).split())
        self._near: dict[str, list[str]] = defaultdict(list)
        for done, (place, others) in enumerate(near_texts(self._texts), 1):
            for other in others:
                self._link(self._texts[place], self._texts[other])
            on_tick(Tick("near-duplicates", done, len(samples)))
        self._link_gists()

    def _link(self, one: str, other: str) -> None:
        self._near[one].append(other)
        self._near[other].append(one)

    def _link_gists(self) -> None:
        by_gist: dict[str, list[str]] = defaultdict(list)
        for text in self._texts:
            for other in by_gist[gist(text)]:
                if other not in self._near[text]:
                    self._link(text, other)
            by_gist[gist(text)].append(text)

    def without_contradictions(self, samples: Sequence[Sample]) -> tuple[list[Sample], Rejected]:
        """Drop rows that say nearly the words of an earlier one and mean something else."""
        return self._without(samples, self._contradicts, "contradiction: nearly the words of {!r}, other calls")

    def without_near_duplicates(self, samples: Sequence[Sample]) -> tuple[list[Sample], Rejected]:
        """Drop rows that say nearly the words of an earlier one and mean the same; imported ones all stay."""
        return self._without(samples, self._repeats, "near-duplicate: of {!r}")

    def _without(
        self, samples: Sequence[Sample], rule: Callable[[str, str], bool], reason: str
    ) -> tuple[list[Sample], Rejected]:
        kept: dict[str, Sample] = {}
        dropped: Rejected = []
        for sample in samples:
            text = normal(sample.query)
            rival = next((o for o in self._near.get(text, ()) if o in kept and rule(text, o)), None)
            if rival is None:
                kept[text] = sample
            else:
                dropped.append((sample, reason.format(rival)))
        return list(kept.values()), dropped

    def _repeats(self, text: str, other: str) -> bool:
        sample, twin = self._samples[text], self._samples[other]
        if sample.teacher == "import" or not self._meanings[text].nearly(self._meanings[other]):
            return False
        # "Turn the lamp off" beside "turn off the lamp" is worth having; in one pattern only values stand elsewhere.
        one_pattern = skeleton_of(sample, self._spec) == skeleton_of(twin, self._spec)
        same = self._meanings[text] == self._meanings[other]
        return _digits(text) == _digits(other) and alike(text, other, ordered=not (one_pattern and same))

    def _contradicts(self, text: str, other: str) -> bool:
        if self._meanings[text].nearly(self._meanings[other]):
            return False
        calls = [[call["name"] for call in self._samples[t].calls] for t in (text, other)]
        # "From Rome to Oslo" and "from Oslo to Rome" call one function with the same words.
        if calls[0] == calls[1] and not alike(gist(text), gist(other), ordered=True):
            return False
        mine, theirs = Counter(gist(text).split()), Counter(gist(other).split())
        here, there = list((mine - theirs).elements()), list((theirs - mine).elements())
        if not here and not there:
            return True
        return len(here) == len(there) == 1 and self._is_typo(here[0], there[0], (text, other))

    def _is_typo(self, one: str, other: str, texts: tuple[str, str]) -> bool:
        """Whether two words are one, mistyped; a word of a value, or two that others use too, make a difference."""
        if {one, other} & {word for text in texts for word in self._value_words(self._samples[text])}:
            return False
        unknown = any(self._rows_with[w] <= _TYPO_ROWS and w not in self._spec_words for w in (one, other))
        long = min(len(one), len(other)) >= _TYPO_LETTERS
        return unknown and long and fuzz.ratio(one, other) >= _TYPO_LIKENESS

    def _value_words(self, sample: Sample) -> set[str]:
        values = [str(value) for _, value, _ in walk_arguments(sample.calls, self._spec)]
        return {word for value in (*values, *sample.said.values()) for word in normal(value).split()}

    def without_near_leaks(self, samples: Sequence[Sample]) -> tuple[list[Sample], Rejected]:
        """Drop rows that say nearly what a row on another side says: training rows stay, imported ones all do."""
        placed: dict[str, Sample] = {}
        dropped: Rejected = []
        for sample in sorted(samples, key=lambda s: (s.teacher != "import", SPLITS.index(s.split or SPLITS[0]))):
            rival = next(self._rivals(sample, placed), None)
            if rival is None or sample.teacher == "import":
                placed[normal(sample.query)] = sample
            else:
                dropped.append((sample, f"leak: nearly the words of {rival.query!r} in {rival.split}"))
        return [s for s in samples if normal(s.query) in placed], dropped

    def near_leaks(self, samples: Sequence[Sample]) -> int:
        """How many held-out rows say nearly what a row on another side says."""
        placed = {normal(s.query): s for s in samples}
        return sum(s.split != SPLITS[0] and any(self._rivals(s, placed)) for s in samples)

    def _rivals(self, sample: Sample, placed: Mapping[str, Sample]) -> Iterator[Sample]:
        """Yield the rows on another side with nearly the words and the meaning of `sample`."""
        text = normal(sample.query)
        for other in self._near.get(text, ()):
            apart = other in placed and placed[other].split != sample.split
            if apart and self._meanings[text].nearly(self._meanings[other]):
                yield placed[other]


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
