"""Numbers in words: "seventy two", "a hundred and five", "twenty one point five", "half a dozen".

Reads exact values only; what a number counts (percent, minutes, dollars) is the caller's affair.
"""

import re
from fractions import Fraction
from functools import lru_cache

UNITS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
TENS = {
    word: 10 * value for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
} | {"fourty": 40}
SCALES = {"hundred": 100, "thousand": 1000, "grand": 1000, "million": 1_000_000}
ORDINALS = {
    word: value
    for value, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth".split(),
        1,
    )
} | {"thirtieth": 30}
COUNTS = {
    "a": Fraction(1), "an": Fraction(1), "single": Fraction(1), "couple": Fraction(2), "pair": Fraction(2),
    "dozen": Fraction(12), "half dozen": Fraction(6), "half a dozen": Fraction(6), "couple of": Fraction(2),
    "a couple": Fraction(2), "a couple of": Fraction(2), "a pair": Fraction(2), "a pair of": Fraction(2),
    "a dozen": Fraction(12), "two dozen": Fraction(24), "a single": Fraction(1), "half": Fraction(1, 2),
    "a half": Fraction(1, 2), "one half": Fraction(1, 2), "a quarter": Fraction(1, 4), "quarter": Fraction(1, 4),
    "three quarters": Fraction(3, 4), "a third": Fraction(1, 3), "two thirds": Fraction(2, 3),
}  # fmt: skip

_DIGITS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d+(?:\.\d+)?|[+-]?\.\d+")
_ORDINAL_DIGITS = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")


@lru_cache(maxsize=4096)
def clean(words: str) -> str:
    """Lower case, hyphens between words as spaces, single spaces, no closing punctuation."""
    text = words.lower().replace("\u2019", "'").replace("\u2212", "-")
    text = re.sub(r"(?<=\w)-(?=[a-z])", " ", text)
    return " ".join(text.split()).strip(" .,!?;\"'")


def parse_number(words: str) -> Fraction | None:
    """The exact number that `words` say as a whole, or None."""
    text = clean(words)
    for sign in ("minus ", "negative "):
        if text.startswith(sign):
            inner = parse_number(text.removeprefix(sign))
            return None if inner is None else -inner
    if _DIGITS.fullmatch(text):
        return Fraction(text.replace(",", ""))
    if text in COUNTS:
        return COUNTS[text]
    if " and a half" in text and text.endswith(" and a half"):
        whole = parse_number(text.removesuffix(" and a half"))
        return None if whole is None else whole + Fraction(1, 2)
    if " point " in text:
        return _decimal(text)
    return _cardinal(text.split())


def parse_ordinal(words: str) -> int | None:
    """ "third", "3rd" or "twenty first" as an integer, or None."""
    text = clean(words)
    if match := _ORDINAL_DIGITS.fullmatch(text):
        return int(match[1])
    *lead, last = text.split() or [""]
    if last not in ORDINALS:
        return None
    if not lead:
        return ORDINALS[last]
    if len(lead) == 1 and lead[0] in TENS and ORDINALS[last] < 10:
        return TENS[lead[0]] + ORDINALS[last]
    return None


def _decimal(text: str) -> Fraction | None:
    left, _, right = text.partition(" point ")
    whole = _cardinal(left.split()) if not left.isdigit() else Fraction(left)
    tokens = right.split()
    if whole is None or not tokens:
        return None
    digits = [UNITS[t] if t in UNITS else int(t) if t.isdigit() else 0 if t == "oh" else None for t in tokens]
    if all(d is not None and d < 10 for d in digits):
        return whole + Fraction(int("".join(map(str, digits))), 10 ** len(digits))
    tail = _cardinal(tokens)
    return None if tail is None or tail > 99 else whole + Fraction(int(tail), 100)


def _cardinal(tokens: list[str]) -> Fraction | None:
    """Units, tens and scales; "one twenty" and "three fifty" as people say them for 120 and 350."""
    total, group, last = 0, 0, ""
    for index, token in enumerate(tokens):
        if token == "and" and last in SCALES and index + 1 < len(tokens):
            continue
        if token in SCALES and last:
            scale = SCALES[token]
            total, group = (total, group * scale) if scale == 100 else (total + group * scale, 0)
        elif (raised := _joined(token, tokens[index + 1 : index + 2], group, last)) is not None:
            group = raised
        else:
            return None
        last = token
    return Fraction(total + group) if last else None


def _joined(token: str, following: list[str], group: int, last: str) -> int | None:
    """`group` after one more unit, ten or article; None where no English number goes on so."""
    if token in ("a", "an"):
        return 1 if not last and following and following[0] in SCALES else None
    value = UNITS.get(token, TENS.get(token))
    if value is None:
        return int(token) if token.isdigit() and not last else None
    if not last or last in SCALES or (last in TENS and 0 < value < 10):
        return group + value
    if last in UNITS and 0 < group < 10 and value >= 10:
        return group * 100 + value
    return None
