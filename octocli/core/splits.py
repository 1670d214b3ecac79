"""Which side of the split a sample belongs to, so that nothing leaks: no text, no skeleton, no free value on two sides.

Every decision is a hash, so it is the same in every run, on every machine, and for a sample that comes later.
A teacher asks `bucket_of` before it writes; `assign_splits` holds whatever came to it.
"""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from octocli.core.calls import is_nested
from octocli.core.samples import SPLITS, Sample, Split
from octocli.core.spec import Parameter, Spec
from octocli.core.split_exemptions import is_language

# Shares of skeletons and of values. Half for training: a test that is as varied as the training data is a hard test.
SHARES: Mapping[Split, float] = {"train": 0.55, "validation": 0.1, "test": 0.35}


def bucket_of(key: str) -> Split:
    """The side that a skeleton or value belongs to, by its hash alone."""
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    point = int.from_bytes(digest, "big") / 2**64
    for split, share in SHARES.items():
        if point < share:
            return split
        point -= share
    return "test"


@lru_cache(maxsize=1 << 16)
def normal(text: str) -> str:
    """Text for comparison: lower case, no punctuation, single spaces.

    Marks that belong to the letter before them stay: the vowels of Hindi and Thai are such.

    >>> normal("Set the {} lamp, to: 40 %")
    'set the {} lamp to 40'
    """
    text = unicodedata.normalize("NFC", text.lower())
    if text.isascii():
        return " ".join(re.sub(r"[^\w\s{}]", " ", text).split())
    kept = "".join(c if c.isalnum() or c in "_{}" or unicodedata.category(c)[0] == "M" else " " for c in text)
    # A mark without its letter is what is left of an emoji.
    return " ".join(word for word in kept.split() if re.search(r"[\w{}]", word))


def free_values(sample: Sample, spec: Spec) -> Iterator[str]:
    """Yield the free-text argument values of a sample, normalised; they may stand on one side only."""
    for name, value, function in walk_arguments(sample.calls, spec):
        parameter = spec.by_name[function].param(name)
        if parameter is not None and parameter.kind == "text" and isinstance(value, str) and is_free(value, parameter):
            yield normal(value)


def is_free(text: str, parameter: Parameter) -> bool:
    """Whether a text is a value to hold out: not one that the spec names, nor plain words of time and number."""
    key = normal(text)
    return bool(key) and not is_language(key) and text.strip().lower() not in parameter.named


def walk_arguments(calls: Iterable[Mapping[str, Any]], spec: Spec) -> Iterator[tuple[str, Any, str]]:
    """Yield (parameter, value, function) for every argument, nested calls walked into and not yielded themselves."""
    for call in calls:
        function = spec.by_name.get(call["name"])
        if function is None:
            continue
        for name, value in call.get("arguments", {}).items():
            if is_nested(value, spec, function, name):
                yield from walk_arguments([value], spec)
            else:
                yield name, value, function.name


def skeleton_of(sample: Sample, spec: Spec) -> str:
    """The query's pattern: values and the user's words for them replaced by a slot.

    `set the Kitchen lamp to 40 %` with room=kitchen and level=40 gives `set the {} lamp to {}`.
    """
    if sample.skeleton:
        return normal(sample.skeleton)
    words = list(sample.said.values())
    words += [str(value) for _, value, _ in walk_arguments(sample.calls, spec) if isinstance(value, (str, int, float))]
    text = normal(sample.query)
    for word in sorted({normal(w) for w in words} - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "{}", text)
    return text


def assign_splits(samples: Sequence[Sample], spec: Spec) -> tuple[list[Sample], list[tuple[Sample, str]]]:
    """Give every sample its side; returns (kept, dropped with the reason).

    Imported rows and a spec's own examples keep the split that they come with; imported ones without are split by their
    text. Of the rest, the skeleton decides, and a row whose free value lives on another side is dropped. Whatever else
    comes with a split keeps it, unless its wording or a value stands on another side by then.
    """
    kept: list[Sample] = []
    dropped: list[tuple[Sample, str]] = []
    owners = _Owners()
    first = [s for s in samples if _stays(s)]
    for sample in first:
        placed = sample if sample.split else sample.with_split(bucket_of(normal(sample.query)))
        assert placed.split is not None
        rival = owners.rival(normal(placed.query), placed.split, "text")
        (dropped.append((sample, f"leak: {rival}")) if rival else kept.append(placed))
        if placed.teacher != "import":
            owners.own(placed, spec)
    for sample in sorted((s for s in samples if not _stays(s)), key=lambda s: s.split is not None):
        placed = sample if sample.split else sample.with_split(bucket_of(skeleton_of(sample, spec)))
        reason = _leak(placed, spec, owners, drawn=sample.split is None)
        (dropped.append((sample, f"leak: {reason}")) if reason else kept.append(placed))
    return kept, dropped


def _stays(sample: Sample) -> bool:
    """Whether no wording of another row can move it: a team's own rows, and the spec's."""
    return sample.teacher == "import" or (sample.kind == "example" and sample.split is not None)


def _leak(sample: Sample, spec: Spec, owners: "_Owners", *, drawn: bool) -> str | None:
    """Why a row cannot stand on its side; `drawn`: the side is its wording's, so its values must belong there too."""
    assert sample.split is not None
    for value in free_values(sample, spec):
        if drawn and bucket_of(value) != sample.split:
            return f"the value {value!r} belongs to {bucket_of(value)}, the wording to {sample.split}"
        if rival := owners.rival(value, sample.split, "value"):
            return rival
    rival = owners.rival(skeleton_of(sample, spec), sample.split, "skeleton")
    return rival or owners.rival(normal(sample.query), sample.split, "text")


class _Owners:
    """Who owned a text first."""

    def __init__(self) -> None:
        self._sides: dict[tuple[str, str], Split] = {}

    def own(self, sample: Sample, spec: Spec) -> None:
        """Note a row's skeleton and free values."""
        assert sample.split is not None
        self.rival(skeleton_of(sample, spec), sample.split, "skeleton")
        for value in free_values(sample, spec):
            self.rival(value, sample.split, "value")

    def rival(self, key: str, split: Split, what: str) -> str | None:
        owner = self._sides.setdefault((what, key), split)
        return None if owner == split else f"its {what} already stands in {owner}"


def leaks(samples: Iterable[Sample], spec: Spec) -> dict[str, int]:
    """Count what stands on more than one side: texts, skeletons and free values. The report of a split."""
    sides: dict[str, dict[str, set[str]]] = {what: defaultdict(set) for what in ("text", "skeleton", "value")}
    for sample in samples:
        split = sample.split or SPLITS[0]
        sides["text"][normal(sample.query)].add(split)
        sides["skeleton"][skeleton_of(sample, spec)].add(split)
        for value in free_values(sample, spec):
            sides["value"][value].add(split)
    return {what: sum(len(s) > 1 for s in keys.values()) for what, keys in sides.items()}
