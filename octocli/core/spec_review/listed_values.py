"""Rule: listed values that say nothing to a person: codes, values too alike, lists too long for the data."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from rapidfuzz import fuzz

from octocli.core.spec import Spec
from octocli.core.spec_review.coverage import FEWEST_SIGHTINGS, share_of
from octocli.core.spec_review.findings import DataPlan, Remark
from octocli.core.spec_review.places import Value, parameters_of, values_in
from octocli.core.spec_review.words import stem, words_of

# A person who reads out longer lists chooses by typing; such values are text, and the app looks them up.
MOST_VALUES = 50
# Two long values this alike (rapidfuzz's ratio) differ by a slip of the pen: "cancelled", "canceled".
_TOO_ALIKE = 93
# Of a list with some codes among readable words ("co2" beside "humidity") only a half or more is worth a line.
_CODED_SHARE = 0.5

# A letter with digits, hex, an ordinal behind a word that says nothing.
_CODE = re.compile(
    r"[a-z]{0,3}[-_ ]?\d+|0x[0-9a-f]+|#[0-9a-f]{3,8}|(?=.*\d)(?=.*[a-f])[0-9a-f]{4,}|[a-z]"
    r"|(?:opt|option|type|val|value|item|mode|choice|kind|code|class|category|cat|state|status|enum|case|group|variant)"
    r"[-_ ]?(?:\d+|[a-z])",
    re.IGNORECASE,
)
# Clothes and cups come in these, and people say them.
_SIZES = frozenset({"xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl"})
# Lists in which all values are this short are codes of countries, languages, currencies or units.
_SHORT = 2
_SHORT_WORDS = frozenset({"on", "up", "in", "no", "am", "pm", "tv", "ac", "pc", "hd", "4k", "8k", "my", "me", "we"})
# Digits are said aloud where they count or measure something.
_MEASURES = re.compile(
    r"\b(?:size|number|count|amount|quantity|level|years?|months?|days?|hours?|minutes?|seconds?|percent|ratings?"
    r"|stars?|floor|zone|channel|gate|degrees?|speed|distance|miles|people|guests|version|age|price|how)\b"
)


def listed_value_remarks(spec: Spec, plan: DataPlan) -> Iterator[Remark]:
    """Yield what is wrong with the lists of values."""
    for parameter in parameters_of(spec):
        for value in values_in(parameter):
            if isinstance(value.schema.get("enum"), (list, tuple)):
                yield from _of_list(value, plan)


def _of_list(value: Value, plan: DataPlan) -> Iterator[Remark]:
    listed = [v for v in value.schema["enum"] if isinstance(v, str) or type(v) is int]
    unexplained = [v for v in listed if not _has_synonyms(v, value)]
    if coded(unexplained, f"{value.place.text} {value.schema.get('description', '')}"):
        what = "its values are codes, which nobody says"
        mend = 'list names in their place, or give words for each under "x-octo-synonyms"'
        yield Remark("warning", "enum", value.place, what, mend)
    words = [v for v in unexplained if isinstance(v, str)]
    pair = next(((a, b) for a, b in combinations(words[: MOST_VALUES * 2], 2) if too_alike(a, b)), None)
    if pair:
        what, mend = f"{pair[0]!r} and {pair[1]!r} are too alike to be told apart", "keep one, or rename them"
        yield Remark("warning", "enum", value.place, what, mend)
    rows = plan.rows(value.function.name) * share_of(value.function, value.parameter)
    if len(listed) > MOST_VALUES and rows < FEWEST_SIGHTINGS * len(listed):
        what = f"more than {MOST_VALUES} listed values, and fewer than {FEWEST_SIGHTINGS} rows for each"
        mend = 'make it free text with a few "examples", which the app looks up, or plan more rows'
        yield Remark("warning", "enum", value.place, what, mend)


def coded(values: list[str | int], about: str) -> bool:
    """Whether at least half of `values` are codes; `about` is what the parameter is called and said to be."""
    if not values:
        return False
    texts = [str(v).strip().lower() for v in values]
    if all(text in _SIZES for text in texts):
        return False
    if all(isinstance(v, int) or text.isdigit() for v, text in zip(values, texts, strict=True)):
        return _means_kinds(about) if isinstance(values[0], int) else not _measures(about)
    if len(texts) > 1 and all(len(text) <= _SHORT and text.isascii() for text in texts):
        return not all(text in _SHORT_WORDS for text in texts)
    codes = sum(bool(_CODE.fullmatch(text)) for text in texts)
    return codes >= _CODED_SHARE * len(texts)


def too_alike(one: str, other: str) -> bool:
    """Whether two values differ by an ending, by case or by a slip; digits keep two apart."""
    if re.sub(r"\D", "", one) != re.sub(r"\D", "", other):
        return False
    a, b = ([_base(word) for word in words_of(text)] for text in (one, other))
    return bool(a and a == b) or (min(len(one), len(other)) > 5 and fuzz.ratio(one.lower(), other.lower()) > _TOO_ALIKE)


def _base(word: str) -> str:
    """The stem without degree: "higher" and "highest" are "high"."""
    for ending in ("er", "est"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return stem(word.removesuffix(ending))
    return stem(word)


def _means_kinds(about: str) -> bool:
    """Whether numbers stand for kinds of something: a status of 3 is no amount."""
    return bool({"type", "status", "code", "mode", "category", "kind", "state", "class"} & set(words_of(about)))


def _measures(about: str) -> bool:
    return bool(_MEASURES.search(" ".join(words_of(about))))


def _has_synonyms(listed: object, value: Value) -> bool:
    synonyms = value.schema.get("x-octo-synonyms")
    return isinstance(synonyms, Mapping) and bool(synonyms.get(str(listed)))
