"""How Germans type: no capitals, ae for ä, no full stop, a typo, "bidde". Free text of values stays as it is."""

import random
import re
from collections.abc import Callable

from octocli.teachers.builtin.language import Filled
from octocli.teachers.builtin.lexicon import Lexicon
from octocli.teachers.builtin.noise import mistype, shortened

# What a preposition and an article make together; "auf das" stays mostly.
_MERGED = {"in dem": "im", "an dem": "am", "zu dem": "zum", "zu der": "zur", "von dem": "vom", "bei dem": "beim",
           "in das": "ins", "an das": "ans"}  # fmt: skip
_MERGING = re.compile(rf"\b(?:{'|'.join(_MERGED)})\b", re.IGNORECASE)
# A share says what it is of: "auf die Hälfte Prozent" is nobody's German.
_UNIT_OF_SHARE = re.compile(r"\b(die Hälfte|Maximum)(?: Prozent|\s?%| Grad)", re.IGNORECASE)
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


def roughen(pattern: str, lexicon: Lexicon, rng: random.Random, question: bool) -> str:
    """A pattern as somebody typed it. Slots stay as they are."""
    style = rng.random()
    if style < 0.42:
        text = pattern if pattern.startswith("{") else pattern[:1].upper() + pattern[1:]
        return text if rng.random() < 0.25 else text + ("?" if question else "!" if rng.random() < 0.07 else ".")
    text = pattern
    if style > 0.74:
        text = shortened(text, lexicon, rng)
    if style > 0.94:
        text = mistype(text, rng)
    if style > 0.96:
        text = f"{rng.choice(lexicon.noise['fillers_before'])} {text}"
    if rng.random() < 0.3:
        text += "?" if question else rng.choice((".", "!", ".", ""))
    return re.sub(r"(?<=\w),(?= )", "", text) if rng.random() < 0.5 else text


def typed(done: Filled, rng: random.Random) -> Filled:
    """Prepositions and articles in one; then small letters and no umlauts, alike in the whole query."""
    tidy = done.query[:1].isupper() and done.query[-1:] in ".?!"
    small, plain = rng.random() < (0.02 if tidy else 0.6), rng.random() < (0.02 if tidy else 0.1)

    def change(text: str) -> str:
        text = text.lower() if small else text
        return text.translate(_SPELLED_OUT) if plain else text

    said = {place: words if words in done.verbatim else change(words) for place, words in done.said.items()}
    return Filled(_outside(done, change), said, done.relative, done.verbatim)


def _outside(done: Filled, change: Callable[[str], str]) -> str:
    """The query with everything changed but free text."""
    if not done.verbatim:
        return change(_merged(done.query))
    kept = re.compile("(" + "|".join(re.escape(v) for v in sorted(done.verbatim, key=len, reverse=True)) + ")")
    parts = kept.split(done.query)
    return "".join(part if part in done.verbatim else change(_merged(part)) for part in parts)


def _merged(text: str) -> str:
    def one(match: "re.Match[str]") -> str:
        words = _MERGED[match[0].lower()]
        return words.capitalize() if match[0][0].isupper() else words

    return _UNIT_OF_SHARE.sub(r"\1", _MERGING.sub(one, text))
