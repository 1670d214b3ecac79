"""How alike two functions are in a person's eyes: by the words of names, descriptions, aliases and examples.

Words that few functions of the spec share weigh most. What to say about a pair is `confusable.py`'s.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

from octocli.core.spec import Example, Function, Spec
from octocli.core.spec_review.words import WordBook, informative, naming, stem, stems_of, words_of

# How much a word says about its function, by where it stands.
_NAME, _DESCRIPTION, _ALIAS, _SYNONYM, _EXAMPLE = 1.0, 0.8, 0.6, 0.4, 0.4
# A word in every function still counts a little: two functions with nothing else are alike all the same.
_LEAST_RARITY = 0.1
# Parameters of the same names and kinds leave less to tell the two apart by.
_SAME_PARAMETERS = 0.15
# Adding a pet and deleting one, opening a window and opening a door, listing all and showing one: every word but one
# is the same, and nobody confuses them.
_OTHER_VERB = 0.5
_OTHER_OBJECT = 0.6
_PREFIXES = ("un", "dis", "de", "re", "up", "down", "im", "ex", "in", "out")


@dataclass(frozen=True)
class Profile:
    """What a function is known by.

    Attributes:
        verb: the common name of its verb, or nothing where the book does not know it.
        first: the first word of its name.
        objects: the other words of its name, as they are.
        meant: the stems of those and of their synonyms.
        words: stems with their weights.
        signature: names and kinds of its parameters.
    """

    verb: str
    first: str
    objects: tuple[str, ...]
    meant: frozenset[str]
    words: Mapping[str, float]
    signature: frozenset[tuple[str, str]]


class Likeness:
    """The functions of one spec, compared."""

    def __init__(self, spec: Spec, book: WordBook) -> None:
        self.functions = spec.functions
        self.profiles = [_profile(function, book) for function in spec.functions]

    @cached_property
    def _holders(self) -> Counter[str]:
        return Counter(word for profile in self.profiles for word in profile.words)

    def pairs(self, least: float) -> Iterator[tuple[float, int, int]]:
        """Yield (score, index, index) of the pairs that reach `least`."""
        for one, other in combinations(range(len(self.functions)), 2):
            score = self.score(one, other)
            if score >= least:
                yield score, one, other

    def score(self, one: int, other: int) -> float:
        """From 0, nothing in common, to 1, the same words throughout."""
        a, b = self.profiles[one], self.profiles[other]
        shared = a.words.keys() & b.words.keys()
        if not shared:
            return 0.0
        both = sum(self._rarity(w, 2) * min(a.words[w], b.words[w]) for w in shared)
        weight_a = sum(self._rarity(w, 1 + (w in b.words)) * weight for w, weight in a.words.items())
        weight_b = sum(self._rarity(w, 1 + (w in a.words)) * weight for w, weight in b.words.items())
        # A short description inside a long one is as confusing as two that are equal.
        alike = (both / (weight_a + weight_b - both) + both / min(weight_a, weight_b)) / 2
        if a.signature == b.signature and a.signature:
            alike += _SAME_PARAMETERS * (1 - alike)
        alike *= _OTHER_VERB if _have_other_verbs(a, b) else 1.0
        return alike * (_OTHER_OBJECT if _have_other_objects(a, b) else 1.0)

    def _rarity(self, word: str, own: int) -> float:
        """1 for a word that only the compared functions have, less the more others have it."""
        total, others = len(self.functions), self._holders[word] - own
        return max(_LEAST_RARITY, math.log((total + 1) / (others + 1)) / math.log(total + 1))


def _profile(function: Function, book: WordBook) -> Profile:
    verb, rest = book.lead(words_of(function.name))
    if not verb:
        verb = book.lead(words_of(function.description))[0]
    words: dict[str, float] = {}

    def put(stems: list[str], weight: float) -> None:
        for word in stems:
            words[word] = max(weight, words.get(word, 0.0))

    nouns = naming(rest)
    put([f"to {verb}"] if verb else [], _NAME)
    put([stem(word) for word in nouns], _NAME)
    synonyms = [stem(other) for word in nouns for other in sorted(book.synonyms.get(word, ()))]
    put(synonyms, _SYNONYM)
    put(_sentence(function.description, book), _DESCRIPTION)
    for alias in function.aliases:
        put(_sentence(alias, book), _ALIAS)
    put(_repeated(function), _EXAMPLE)
    signature = frozenset((" ".join(stems_of(p.name)) or p.name, p.kind) for p in function.params)
    meant = frozenset([*(stem(word) for word in nouns), *synonyms])
    return Profile(verb, (words_of(function.name) or [""])[0], tuple(nouns), meant, words, signature)


def _sentence(text: str, book: WordBook) -> list[str]:
    verb, rest = book.lead(words_of(text))
    return [*([f"to {verb}"] if verb else []), *(stem(word) for word in informative(rest))]


def _repeated(function: Function) -> list[str]:
    """Words of two examples or more; what stands in one alone is mostly a value."""
    seen = Counter(word for example in function.examples for word in set(example_stems(example)))
    return [word for word, count in seen.items() if count > 1]


def example_stems(example: Example) -> list[str]:
    """The stems of an example's own words, without those of its arguments."""
    values = {word for call in example.calls or () for word in stems_of(" ".join(_texts(call.get("arguments"))))}
    return [word for word in stems_of(example.query) if word not in values]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def _have_other_verbs(a: Profile, b: Profile) -> bool:
    """Whether the verbs differ in meaning: by the book, or by a prefix, as in upload and download."""
    if a.verb and b.verb and a.verb != b.verb:
        return True
    return a.first != b.first and bool(_without_prefix(a.first) & _without_prefix(b.first))


def _have_other_objects(a: Profile, b: Profile) -> bool:
    """Whether the names speak of different things, or one of a single thing and the other of several."""
    if not a.objects or not b.objects:
        return False
    one, other = a.objects[-1], b.objects[-1]
    return not a.meant & b.meant or (one != other and stem(one) == stem(other))


def _without_prefix(word: str) -> set[str]:
    stems = {word.removeprefix(prefix) for prefix in _PREFIXES}
    return {word, *(stem for stem in stems if len(stem) > 2)}
