"""What the built-in teacher asks of a language: its words, how values are spoken, and the grammar around them.

The implementations are `english.py` and `german/`; which languages there are is known to `packs.py`.
"""

import datetime as dt
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

from octocli.core.spec import Function
from octocli.teachers.builtin.lexicon import Lexicon

if TYPE_CHECKING:
    from octocli.teachers.builtin.phrasing import Phrasing


@dataclass(frozen=True)
class Filled:
    """A query with its values in it.

    Attributes:
        query: the words.
        said: by JSON pointer, what the words say differently from the value.
        relative: whether they hang on the clock.
        verbatim: values of free text: they stand in the query letter by letter.
    """

    query: str
    said: Mapping[str, str] = field(default_factory=dict)
    relative: bool = False
    verbatim: tuple[str, ...] = ()


class Spoken(Protocol):
    """How people say values. Values in, surfaces out, the plainest first; a module of functions is one."""

    def numbers(self, value: Any, *, percent: bool = False, low: Any = None, high: Any = None) -> list[str]:
        """Ways to say a number."""

    def times(self, time: dt.time) -> list[str]:
        """Ways to say a time of day that need no clock."""

    def relative_times(self, time: dt.time, now: dt.datetime) -> list[str]:
        """A time as seen from `now`."""

    def dates(self, day: dt.date) -> list[str]:
        """Ways to name a day with its year."""

    def relative_dates(self, day: dt.date, today: dt.date) -> list[str]:
        """Ways to say a day as seen from `today`."""

    def moments(self, moment: dt.datetime) -> list[str]:
        """Day and time with the year."""

    def relative_moments(self, moment: dt.datetime, now: dt.datetime) -> list[str]:
        """Day and time as seen from `now`."""

    def durations(self, seconds: Fraction) -> list[str]:
        """Ways to say a length of time."""

    def money(self, value: Any) -> list[str]:
        """Ways to say an amount of money."""

    def phones(self, value: str) -> list[str]:
        """Ways to write and to say a phone number."""

    def series(self, items: Sequence[str]) -> list[str]:
        """Ways to say several things in a row."""


class Language(ABC):
    """One language.

    Args:
        words: its word files.
        spoken: how its values are said.
    """

    name: str  # in English, for a prompt

    def __init__(self, words: Lexicon, spoken: Spoken) -> None:
        self.words = words
        self.spoken = spoken

    @abstractmethod
    def phrasing(self, function: Function, others: Sequence[Function] = ()) -> "Phrasing":
        """Everything the grammar knows about asking for `function`, beside the `others` of its spec."""

    # Verbs

    @abstractmethod
    def starts_with_verb(self, phrase: str) -> bool:
        """Whether a phrase opens like a command."""

    @abstractmethod
    def verb_words(self, templates: Iterable[str]) -> list[str]:
        """The words by which a sentence shows that it has one of these verbs, its object left out."""

    @abstractmethod
    def leading_verbs(self, templates: Iterable[str]) -> list[str]:
        """The verbs of templates, each a word that `stem` takes."""

    @abstractmethod
    def framed(self, frame: str, clause: str, form: str, rng: random.Random) -> str:
        """A clause in its frame, the verb in the form that the frame wants."""

    # Words around a value

    @abstractmethod
    def placed(self, words: str, place: str) -> str:
        """A value's words as their place in the sentence wants them."""

    @abstractmethod
    def listed(self, plain: Sequence[str], known: Sequence[str]) -> list[str]:
        """Words for a listed value: what its identifier reads as, and what the pack and the spec know for it."""

    @abstractmethod
    def flag(self, words: str, value: bool) -> list[str]:
        """Phrases for a yes-or-no option that the pack does not know by name."""

    @abstractmethod
    def named(self, name: str, slot: str) -> str:
        """A value with its parameter's name: "with size large"."""

    @abstractmethod
    def turned_to(self, state: str) -> str:
        """A state after a verb that leaves it open: "to on"."""

    @abstractmethod
    def before_a_noun(self, durations: Iterable[str]) -> list[str]:
        """Lengths of time as they stand before a noun: "10 minute" timer."""

    @abstractmethod
    def joint(self, text: str, words: str, kind: str) -> str:
        """The text before a value, its preposition or article suited to the value's words."""

    def pointed(self, text: str, words: str, rng: random.Random) -> str:
        """The text before a thing's name, now and then with "the" or "my", which is no part of the name."""
        return text

    @abstractmethod
    def cased(self, words: str, rng: random.Random) -> str:
        """Words of a time with the capitals that some people give them."""

    @abstractmethod
    def definite(self, phrase: str) -> str:
        """A name for the function's result as the object of a sentence: "the forecast for Rome"."""

    @abstractmethod
    def mended(self, text: str) -> str:
        """A line whose topics are filled in, with the articles and endings that they want."""

    # How people type

    @abstractmethod
    def roughened(self, pattern: str, rng: random.Random, question: bool = False) -> str:
        """A pattern as somebody typed it. Slots stay as they are."""

    @abstractmethod
    def typed(self, done: Filled, rng: random.Random) -> Filled:
        """The whole query as somebody typed it: what `roughened` could not know before the values stood in it."""

    # What a text is about

    @abstractmethod
    def about(self, line: str, noun: str, rng: random.Random) -> str:
        """A line of the near-misses with a noun in it."""

    @abstractmethod
    def tokens(self, text: str) -> list[str]:
        """The words of a text, lower case."""

    @abstractmethod
    def stem(self, word: str) -> str:
        """A word without its ending."""

    @abstractmethod
    def folded(self, text: str) -> str:
        """A normalised text in the one spelling that all of its spellings share, for comparison."""
