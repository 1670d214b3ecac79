"""German nouns: their gender, and the articles and cases that follow from it."""

from functools import lru_cache
from typing import Literal

from octocli.teachers.builtin.lexicon import Lexicon

Gender = Literal["m", "f", "n", "p"]
Case = Literal["nom", "acc", "dat", "gen"]
CASES: tuple[Case, ...] = ("nom", "acc", "dat", "gen")

_DEFINITE = {
    "nom": {"m": "der", "f": "die", "n": "das", "p": "die"},
    "acc": {"m": "den", "f": "die", "n": "das", "p": "die"},
    "dat": {"m": "dem", "f": "der", "n": "dem", "p": "den"},
    "gen": {"m": "des", "f": "der", "n": "des", "p": "der"},
}
_ENDINGS = {
    "nom": {"m": "", "f": "e", "n": "", "p": "e"},
    "acc": {"m": "en", "f": "e", "n": "", "p": "e"},
    "dat": {"m": "em", "f": "er", "n": "em", "p": "en"},
    "gen": {"m": "es", "f": "er", "n": "es", "p": "er"},
}
# What a noun's end says of its gender, where the pack does not have the noun.
_BY_END: tuple[tuple[str, Gender], ...] = (
    ("ung", "f"), ("heit", "f"), ("keit", "f"), ("schaft", "f"), ("ion", "f"), ("tät", "f"), ("ik", "f"), ("ei", "f"),
    ("chen", "n"), ("lein", "n"), ("ment", "n"), ("um", "n"), ("e", "f"), ("er", "m"), ("or", "m"), ("ig", "m"),
    ("ling", "m"), ("en", "m"),
)  # fmt: skip


@lru_cache(maxsize=4096)
def gender(noun: str, lexicon: Lexicon) -> Gender | None:
    """The gender of a noun, a compound's by its last part; "p" in the plural; None of what is no noun that is known."""
    genders: dict[Gender, list[str]] = lexicon.nouns["genders"]
    word = noun.split()[0].split("-")[-1].lower()
    found: tuple[int, Gender] | None = None
    for kind, nouns in genders.items():
        for known in nouns:
            if word.endswith(known) and (found is None or len(known) > found[0]):
                found = len(known), kind
    if found is not None:
        return found[1]
    return next((kind for end, kind in _BY_END if noun[:1].isupper() and word.endswith(end)), None)


def with_definite(noun: str, case: Case, lexicon: Lexicon) -> str:
    """ "den Timer", "im" excepted: what a preposition and an article make together is the writing's business."""
    kind = gender(noun, lexicon)
    return noun if kind is None else f"{_DEFINITE[case][kind]} {_inflected(noun, kind, case)}"


def with_indefinite(noun: str, case: Case, lexicon: Lexicon, determiner: str = "ein") -> str:
    """ "einen Timer", "meine Lichter"; of several things no article at all."""
    kind = gender(noun, lexicon)
    if kind is None or (kind == "p" and determiner == "ein"):
        return noun
    return f"{determiner}{_ENDINGS[case][kind]} {_inflected(noun, kind, case)}"


def _inflected(noun: str, kind: Gender, case: Case) -> str:
    """The noun's own ending: -n for several in the dative, -s for one in the genitive."""
    head, space, tail = noun.partition(" ")
    if case == "dat" and kind == "p" and not head.endswith(("n", "s")):
        head += "n"
    if case == "gen" and kind in ("m", "n") and not head.endswith("s"):
        head += "s"
    return head + space + tail
