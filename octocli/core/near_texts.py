"""Which of many texts are nearly the same, letter for letter, whatever the order of their words.

Exact and without a table of all pairs: two texts that are alike share one of their rarest words. What to do about them
is the caller's question.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from rapidfuzz import fuzz

# Likeness of the sorted words from which on two texts are near (ratio of rapidfuzz, 0 to 100).
NEAR = 96.0
# Two texts of which the longer has n letters differ by this share of n at most: 1 - NEAR/100 of both lengths together.
_FARTHEST = 2 * (1 - NEAR / 100)

# Words that are said for politeness or by habit, and articles: they ask for nothing.
_EMPTY = frozenset(
    # "die" and "den" are English words with a meaning of their own.
    "please pls plz thanks thx the a an um uh er hmm hey "
    "bitte mal doch danke äh ähm das der dem ein eine einen einem einer".split()
)


def gist(text: str) -> str:
    """A normalised text without its empty words; the text itself where nothing is left."""
    return " ".join(w for w in text.split() if w not in _EMPTY) or text


def alike(one: str, other: str, *, ordered: bool) -> bool:
    """Whether two normalised texts are near; `ordered`: with their words as they stand."""
    if not ordered:
        one, other = _sorted_words(one), _sorted_words(other)
    return fuzz.ratio(one, other, score_cutoff=NEAR) >= NEAR


def near_texts(texts: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
    """Yield each text's place, short texts first, with the places of those before it that are near.

    Texts that differ in a digit are never near: "at 7" and "at 8" are both worth having. A pair is found if no more
    words differ than letters may, which fails only where spaces are what differs.

    Args:
        texts: normalised texts: words with single spaces between.
    """
    keys = [_sorted_words(text) for text in texts]
    rarity = Counter(word for key in keys for word in key.split())
    shelves: dict[tuple[str, int, str], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for place in sorted(range(len(keys)), key=lambda i: len(keys[i])):
        key = keys[place]
        farthest = int(_FARTHEST * len(key) + 1e-9)
        digits = "".join(c for c in key if c.isdigit())
        candidates: set[int] = set()
        for word, nth in _rarest(key, rarity, farthest + 1):
            places, lengths = shelves[word, nth, digits]
            candidates.update(places[bisect_left(lengths, len(key) - farthest) :])
            places.append(place)
            lengths.append(len(key))
        yield place, [i for i in candidates if fuzz.ratio(key, keys[i], score_cutoff=NEAR) >= NEAR]


def _rarest(key: str, rarity: Counter[str], count: int) -> list[tuple[str, int]]:
    """The rarest words of a text, each with how often it stood there before: two texts near share one of them."""
    seen: Counter[str] = Counter()
    words = []
    for word in key.split():
        seen[word] += 1
        words.append((rarity[word], word, seen[word]))
    return [(word, nth) for _, word, nth in sorted(words)[:count]]


def _sorted_words(text: str) -> str:
    return " ".join(sorted(text.split()))
