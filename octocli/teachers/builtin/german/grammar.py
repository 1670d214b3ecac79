"""German: the grammar that the built-in teacher asks of a language, made of what its neighbours know of German."""

import random
import re
from collections.abc import Iterable, Sequence
from functools import cached_property

from octocli.core.resolvers.german import folded
from octocli.core.spec import Function
from octocli.teachers.builtin.german import spoken
from octocli.teachers.builtin.german.nouns import CASES, with_definite, with_indefinite
from octocli.teachers.builtin.german.phrasing import GermanPhrasing
from octocli.teachers.builtin.german.typing_habits import roughen, typed
from octocli.teachers.builtin.german.verbs import FORMS, Verb, has_verb, imperatives, realised, split_verb, verbs_of
from octocli.teachers.builtin.language import Filled, Language
from octocli.teachers.builtin.lexicon import Lexicon

_ADVERB = re.compile(r"^(?:in |heute|morgen|übermorgen|diesen |nächst|jeden|täglich|werktags|wochentags|gleich|sofort)")
_PREPOSITION = re.compile(r"(?:^|(?<=\s))(?:um|am|für|auf|ab|bis|gegen) $")


class German(Language):
    """German, with its words."""

    name = "German"

    def __init__(self, words: Lexicon) -> None:
        super().__init__(words, spoken)

    def phrasing(self, function: Function, others: Sequence[Function] = ()) -> GermanPhrasing:
        """Heads from the function's description."""
        return GermanPhrasing(function, self, others)

    def starts_with_verb(self, phrase: str) -> bool:
        """Whether the first word is an imperative of a verb that the pack has."""
        first = phrase.lower().split()[:1]
        return bool(first) and first[0] in self._imperatives

    @cached_property
    def _imperatives(self) -> frozenset[str]:
        said = (verb for group in self.words.verbs["groups"] for say in group["say"] for verb in verbs_of(say))
        states = self.words.states
        acting = (v for says in states["action_words"].values() for say in says for v in verbs_of(say))
        also = (Verb(infinitive) for infinitive in self.words.verbs["also_verbs"])
        return frozenset(form for verb in (*said, *acting, *also) for form in imperatives(verb, self.words))

    def verb_words(self, templates: Iterable[str]) -> list[str]:
        """All forms of the verbs; a part that came away counts alone: "mach das Licht aus"."""
        found: list[str] = []
        for template in templates:
            rest = re.sub(r"\[[^\]]*\]|\{o\}|\[\]", " ", template).split()
            for verb in verbs_of(template):
                found += [verb.part] if verb.part else [*imperatives(verb, self.words), verb.infinitive]
                found += [verb.whole, f"{verb.part}zu{verb.infinitive}"] if verb.part else []
            found += [" ".join(rest)] if rest and not has_verb(template) else []
        return list(dict.fromkeys(found))

    def leading_verbs(self, templates: Iterable[str]) -> list[str]:
        """Verbs in brackets in one word; of an alias the infinitive at its end, of other words the first."""
        found: list[str] = []
        for template in filter(None, templates):
            words = template.split()
            found += [v.infinitive for v in verbs_of(template)] or [words[-1] if len(words) > 1 else words[0]]
        return found

    def framed(self, frame: str, clause: str, form: str, rng: random.Random) -> str:
        """The clause with its verb as the frame wants it; one without brackets stands as it is, alone."""
        if form != "{c}":
            # "mir ist kalt, [stellen] die Heizung auf 22 Grad" is a statement with a command in it.
            return frame.replace(form, realised(clause, "imperative", self.words, rng))
        if not has_verb(clause):
            return frame.replace("{c}", clause) if "{c}" in frame else clause
        slot = next((s for s in FORMS if s in frame), "{c}")
        return frame.replace(slot, realised(clause, FORMS[slot], self.words, rng))

    def placed(self, words: str, place: str) -> str:
        """With the definite article in the case that the place names."""
        case = next((c for c in CASES if c == place), None)
        return words if case is None else with_definite(words, case, self.words)

    def listed(self, plain: Sequence[str], known: Sequence[str]) -> list[str]:
        """What the pack and the spec know; an identifier is German only where nothing is known for it."""
        return list(dict.fromkeys(known)) or list(plain)

    def flag(self, words: str, value: bool) -> list[str]:
        """ "mit Besteck", "ohne Besteck"."""
        return [f"mit {words}"] if value else [f"ohne {words}"]

    def named(self, name: str, slot: str) -> str:
        """ "mit Größe M"."""
        return f"mit {name} {slot}"

    def turned_to(self, state: str) -> str:
        """ "auf an"."""
        return f"auf {state}"

    def before_a_noun(self, durations: Iterable[str]) -> list[str]:
        """As they are: German puts a length of time behind its noun."""
        return list(durations)

    def joint(self, text: str, words: str, kind: str) -> str:
        """No preposition before words that bring one: "um in 20 Minuten"."""
        if kind in ("time", "date", "datetime", "enum") and _ADVERB.match(words.lower()):
            return _PREPOSITION.sub("", text)
        return text

    def cased(self, words: str, rng: random.Random) -> str:
        """Small letters now and then, as people type them."""
        return words.lower() if rng.random() < 0.2 else words

    def definite(self, phrase: str) -> str:
        """With its article as a verb's object."""
        return with_definite(phrase, "acc", self.words)

    def mended(self, text: str) -> str:
        """As it is: lines name the case that a topic stands in."""
        return text

    def roughened(self, pattern: str, rng: random.Random, question: bool = False) -> str:
        """A filler, a word cut short, a typo, no full stop."""
        return roughen(pattern, self.words, rng, question)

    def typed(self, done: Filled, rng: random.Random) -> Filled:
        """Prepositions run into articles; no capitals and no umlauts, as many people type."""
        return typed(done, rng)

    def about(self, line: str, noun: str, rng: random.Random) -> str:
        """The noun with an article in the case that the line names."""
        mine = rng.random() < 0.4
        for case in CASES:
            definite = with_definite(noun, case, self.words)
            said = with_indefinite(noun, case, self.words, "mein") if mine else definite
            line = line.replace(f"{{np|{case}}}", said)
            line = line.replace(f"{{x|{case}}}", definite)
            line = line.replace(f"{{n|{case}}}", with_indefinite(noun, case, self.words))
        return line.replace("{x}", noun).replace("{n}", noun)

    def tokens(self, text: str) -> list[str]:
        """Runs of letters, umlauts spelled out."""
        return re.findall(r"[a-z]+", folded(text))

    def stem(self, word: str) -> str:
        """Without its ending and without the part that comes away: "ausschalten" as "schalt"."""
        rest = folded(split_verb(word, self.words).infinitive)
        for ending in ("ern", "eln", "est", "en", "er", "em", "es", "et", "st", "e", "n", "s", "t"):
            if rest.endswith(ending) and len(rest) - len(ending) >= 3:
                return rest[: -len(ending)]
        return rest

    def folded(self, text: str) -> str:
        """Umlauts spelled out."""
        return text.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss")
