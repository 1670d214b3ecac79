"""German verbs: their forms, and where their parts stand in a sentence.

The grammar writes a clause with its verb in brackets, the part that comes away before a bar: "[aus|schalten] das
Licht". Frame by frame this becomes "schalte das Licht aus", "das Licht ausschalten", "das Licht auszuschalten". What
carriers add goes behind, so it stands before the part that comes away. "[]" ends a clause that another one follows.
"""

import random
import re
from dataclasses import dataclass

from octocli.teachers.builtin.lexicon import Lexicon

_NOTED = re.compile(r"\[(?:(?P<part>\w+)\|)?(?P<infinitive>\w+)\](?P<rest>.*?)(?=\[\]|$)")
# The slots of a frame that a clause goes into, and the form of the verb in each.
FORMS = {"{c}": "imperative", "{i}": "infinitive", "{z}": "zu", "{f}": "formal"}


@dataclass(frozen=True)
class Verb:
    """A verb by its infinitive, and the part that comes away: "aus" of "ausschalten"."""

    infinitive: str
    part: str = ""

    @property
    def noted(self) -> str:
        """As the grammar writes it."""
        return f"[{self.part}|{self.infinitive}]" if self.part else f"[{self.infinitive}]"

    @property
    def whole(self) -> str:
        """In one word."""
        return self.part + self.infinitive


def has_verb(clause: str) -> bool:
    """Whether a clause is written with its verb in brackets."""
    return _NOTED.search(clause) is not None


def verbs_of(clause: str) -> list[Verb]:
    """The verbs in brackets."""
    return [Verb(m["infinitive"], m["part"] or "") for m in _NOTED.finditer(clause)]


def realised(clause: str, form: str, lexicon: Lexicon, rng: random.Random) -> str:
    """The clause with its verbs in a form of `FORMS`, each where it stands in German."""

    def one(match: "re.Match[str]") -> str:
        verb = Verb(match["infinitive"], match["part"]) if match["part"] else split_verb(match["infinitive"], lexicon)
        rest = match["rest"].strip()
        words = {
            "imperative": (rng.choice(imperatives(verb, lexicon)), rest, verb.part),
            "infinitive": (rest, verb.whole),
            "zu": (rest, f"{verb.part}zu{verb.infinitive}" if verb.part else f"zu {verb.infinitive}"),
            "formal": (f"{verb.infinitive} Sie", rest, verb.part),
        }[form]
        return " ".join(word for word in words if word)

    return _NOTED.sub(one, clause).replace("[]", "")


def imperatives(verb: Verb, lexicon: Lexicon) -> list[str]:
    """ "mach", "mache"; "öffne"; "lies": what is said to one whom one knows, the usual one more often."""
    infinitive = verb.infinitive
    if infinitive in lexicon.verbs["imperative"]:
        return list(lexicon.verbs["imperative"][infinitive])
    if infinitive.endswith("eln"):
        return [f"{infinitive[:-3]}le", f"{infinitive[:-1]}"]
    if infinitive.endswith("ern"):
        return [f"{infinitive[:-1]}e", infinitive[:-1]]
    stem = infinitive.removesuffix("en")
    if re.search(r"(?:[^aeiouäöülrh]|ch|ck|g|d|t|f)[nm]$", stem):
        return [f"{stem}e"]
    if stem.endswith(("t", "d")):
        return [f"{stem}e", stem] if stem.endswith("lt") else [f"{stem}e"]
    return [stem, stem, f"{stem}e"]


def split_verb(word: str, lexicon: Lexicon) -> Verb:
    """A verb in one word, in its parts: "ausschalten" as "aus" and "schalten"."""
    word = word.lower()
    for part in sorted(lexicon.verbs["parts"], key=len, reverse=True):
        rest = word.removeprefix(part)
        if word.startswith(part) and len(rest) > 3 and is_infinitive(rest) and word not in lexicon.verbs["whole"]:
            return Verb(rest, part)
    return Verb(word)


def is_infinitive(word: str) -> bool:
    """Whether a word may be a verb as a dictionary has it."""
    return re.fullmatch(r"[a-zäöüß]+(?:en|eln|ern)", word) is not None and len(word) > 4


def from_third_person(word: str, lexicon: Lexicon) -> str:
    """The infinitive of "schaltet": "schalten"."""
    word = word.lower()
    if word in lexicon.verbs["third_person"]:
        return str(lexicon.verbs["third_person"][word])
    # "regelt" and "ändert", but "spielt" and "leert".
    if re.search(r"(?<![ie])e[lr]t$", word):
        return f"{word[:-1]}n"
    stem = word[:-2] if re.search(r"(?:[td]|[^aeiouäöülrh][nm])et$", word) else word.removesuffix("t")
    return f"{stem}en"
