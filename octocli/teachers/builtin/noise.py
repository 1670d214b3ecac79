"""How people type English: no capitals, no full stop, a typo, "pls". Works on words around the slots, never inside."""

import random
import re

from octocli.teachers.builtin.lexicon import Lexicon

_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
_SLOT = re.compile(r"(\{[^{}]*\})")


def roughen(pattern: str, lexicon: Lexicon, rng: random.Random, question: bool = False) -> str:
    """A pattern as somebody typed it. Slots stay as they are."""
    style = rng.random()
    if style < 0.42:
        return _tidy(pattern, rng, question)
    text = pattern
    if style > 0.72:
        text = shortened(text, lexicon, rng)
    if style > 0.94:
        text = mistype(text, rng)
    if style > 0.88:
        text = _without_articles(text, rng)
    if style > 0.96:
        text = f"{rng.choice(lexicon.noise['fillers_before'])} {text}"
    if rng.random() < 0.3:
        text += "?" if question else rng.choice((".", "!", ".", ""))
    if rng.random() < 0.5:
        text = re.sub(r"(?<=\w),(?= )", "", text)
    return text


def _tidy(text: str, rng: random.Random, question: bool) -> str:
    text = re.sub(r"\bi\b(?=['\s])", "I", text)
    if not text.startswith("{"):
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.25:
        return text
    return text + ("?" if question else "!" if rng.random() < 0.07 else ".")


def _outside(text: str, change: "re.Pattern[str]", to: str) -> str:
    parts = _SLOT.split(text)
    return "".join(p if p.startswith("{") else change.sub(to, p) for p in parts)


def shortened(text: str, lexicon: Lexicon, rng: random.Random) -> str:
    """One word or phrase in a short form of the pack's."""
    noise = lexicon.noise
    keys = [k for k in noise["replace"] if k in text and (k not in noise["rare"] or rng.random() < 0.15)]
    if not keys:
        return text
    key = rng.choice(keys)
    # Not before a value, where a part ends: "volume 2 30" for "volume to 30" is read by nobody.
    after = r"(?!\s*$)" if key in noise["numerals"] else ""
    pattern = re.compile(rf"(?<![\w']){re.escape(key)}(?![\w']){after}")
    return _outside(text, pattern, rng.choice(noise["replace"][key]))


def _without_articles(text: str, rng: random.Random) -> str:
    return _outside(text, re.compile(r"\b(?:the|a|an) (?=\w)"), "") if rng.random() < 0.8 else text


def mistype(text: str, rng: random.Random) -> str:
    """One word outside the slots with a typo."""
    parts = _SLOT.split(text)
    places = [(i, m.start(), m.end()) for i, p in enumerate(parts) if not p.startswith("{")
              for m in re.finditer(r"[a-z]{4,}", p)]  # fmt: skip
    if not places:
        return text
    index, start, end = rng.choice(places)
    word = parts[index][start:end]
    parts[index] = parts[index][:start] + _mistyped(word, rng) + parts[index][end:]
    return "".join(parts)


def _mistyped(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    way = rng.randrange(4)
    if way == 0:
        return word[:at] + word[at + 1 :]
    if way == 1:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if way == 2:
        return word[:at] + word[at] + word[at:]
    return word[:at] + rng.choice(_NEIGHBOURS[word[at]]) + word[at + 1 :]
