"""Words of names and sentences, for comparing them: split, stemmed, without those that say nothing.

Knows no verb and no synonym of its own; a `WordBook` brings them, since the phrase book lives a floor higher.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from octocli.core.identifiers import spaced

# Chinese, Japanese and Thai write no spaces: each of their letters counts as a word.
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")
_NUMBER = re.compile(r"v?\d+")

_GRAMMAR = frozenset(
    "a an and any are as at be by can could did do does for from had has have he her his how i if in into is it its "
    "may me might my not of on or our she should so than that the their them then there these they this those to us "
    "was we were what when where which who whom whose will with would you your".split()
)
# Words that any description may hold, whatever it describes.
_EMPTY = _GRAMMAR | frozenset(
    "api argument etc field function given input parameter please provided request required specified string use used "
    "user users value".split()
)


@dataclass(frozen=True)
class WordBook:
    """What a phrase book knows of a language.

    Attributes:
        verbs: a verb, perhaps of two words, and the name of all verbs that a person takes for the same.
        synonyms: other single words for a noun.
    """

    verbs: Mapping[str, str] = field(default_factory=dict)
    synonyms: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def lead(self, words: list[str]) -> tuple[str, list[str]]:
        """The verb that a name or sentence opens with, under its common name, and the words after it."""
        for size in (2, 1):
            for verb in _base_forms(words[:size]) if len(words) >= size else ():
                if verb in self.verbs:
                    return self.verbs[verb], words[size:]
        return "", words


def words_of(text: str) -> list[str]:
    """The words of a sentence, or of a name in snake, kebab, dotted or camel case; lower case."""
    return [word.lower() for word in _WORD.findall(spaced(text))]


def naming(words: Iterable[str]) -> list[str]:
    """The words of a name but grammar, numbers and versions: in a name, even "user" says what it is about."""
    return [word for word in words if word not in _GRAMMAR and not _is_letter(word) and not _NUMBER.fullmatch(word)]


def informative(words: Iterable[str]) -> list[str]:
    """The words of a sentence that say something."""
    return [word for word in words if word not in _EMPTY and not _is_letter(word)]


def stems_of(text: str) -> list[str]:
    """The stems of the words of a sentence that say something."""
    return [stem(word) for word in informative(words_of(text))]


def stem(word: str) -> str:
    """A word without the endings of number and tense; right often enough to compare words, not to show them."""
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("eed"):
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word.removesuffix("e") if len(word) > 3 else word


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()


def _base_forms(words: list[str]) -> list[str]:
    """A verb with its first word in the forms that it may be in: "turns on" is "turn on"."""
    first, *rest = words
    forms = [first, first.removesuffix("s"), first.removesuffix("es")]
    forms += [first[:-3] + "y"] if first.endswith("ies") else []
    return [" ".join([form, *rest]) for form in forms]
