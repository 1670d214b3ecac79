"""English: the grammar that the built-in teacher asks of a language, made of what its neighbours know of English."""

import random
import re
from collections.abc import Iterable, Sequence

from octocli.core.resolvers.dates import MONTHS, WEEKDAYS
from octocli.core.spec import Function
from octocli.teachers.builtin import spoken
from octocli.teachers.builtin.language import Filled, Language
from octocli.teachers.builtin.lexicon import Lexicon
from octocli.teachers.builtin.naming import gerund, indefinite, starts_with_verb
from octocli.teachers.builtin.noise import roughen
from octocli.teachers.builtin.objects import plural
from octocli.teachers.builtin.phrasing import Phrasing

# Words that bring their own preposition: "at in 20 minutes" is nobody's English.
_ARTICLED = re.compile(r"(?:the|my|your|a|an|this|that) ", re.IGNORECASE)
_SELF_LED = re.compile(
    r"^(?:in |tonight|tomorrow|today|this |next |every |each |on |by |once |just |the day after"
    r"|weekdays|weekends|daily)"
    r"|from now$|\bto\b.*\d$"
)
_DAYS = "|".join((*WEEKDAYS, *MONTHS))
_DAY_WORD = re.compile(rf"\b(?:{_DAYS})\b")
_DATED = re.compile(rf"(?:the|{_DAYS}|\d+ (?:{_DAYS}))\b|\d{{4}}-")


# How often "the" or the like stands before the name of a thing.
_POINTED = 0.4
_ENDING = re.compile(r"\b(?:until|till|through|by) $", re.IGNORECASE)


class English(Language):
    """English, with its words."""

    name = "English"

    def __init__(self, words: Lexicon) -> None:
        super().__init__(words, spoken)

    def phrasing(self, function: Function, others: Sequence[Function] = ()) -> Phrasing:
        """Heads from the function's name: its verb and its noun."""
        return Phrasing(function, self, others)

    def starts_with_verb(self, phrase: str) -> bool:
        """Whether the first word, or the first two, are a verb that the phrase book has."""
        return starts_with_verb(phrase, self.words)

    def verb_words(self, templates: Iterable[str]) -> list[str]:
        """The verb as it stands and in -ing; where an object may stand in it, what follows that counts alone, too."""
        phrases = list(templates)
        phrases += [gerund(p, self.words) for p in phrases if not p.startswith("{") and self.starts_with_verb(p)]
        # "turn the lamp off"
        parts = (
            part for p in phrases for part in (p.replace("{o}", " "), p.rpartition("{o}")[2] or p.partition("{o}")[0])
        )
        plain = (" ".join(p.replace("{one}", "one").split()) for p in parts)
        return list(dict.fromkeys(p for p in plain if p))

    def leading_verbs(self, templates: Iterable[str]) -> list[str]:
        """The first words."""
        return [template.split()[0] for template in templates]

    def framed(self, frame: str, clause: str, form: str, rng: random.Random) -> str:
        """The clause as it stands, or its verb in -ing."""
        if "{g}" in frame:
            return frame.replace("{g}", gerund(clause, self.words))
        return frame.replace(form, clause)

    def placed(self, words: str, place: str) -> str:
        """The words: English has no cases, but a plural after a number."""
        return plural(words, self.words) if place == "many" else words

    def listed(self, plain: Sequence[str], known: Sequence[str]) -> list[str]:
        """All of them: identifiers are English."""
        return [*plain, *known]

    def flag(self, words: str, value: bool) -> list[str]:
        """ "with cutlery", "no cutlery"; an adjective stands alone."""
        if words.endswith(" only") or words.startswith("only "):
            kind = words.removesuffix(" only").removeprefix("only ")
            return [f"only {kind}", f"{kind} only", f"just the {kind} ones"] if value else [f"{kind} or not"]
        if self.words.patterns["adjective"].match(words):
            if value:
                return [words, words, f"make it {words}", f"it's {words}", f"it has to be {words}"]
            return [f"not {words}", f"non {words}", f"non-{words}", f"it doesn't have to be {words}"]
        if " " in words and words.endswith(("ed", "able")):  # "breakfast included"
            return [words] if value else [f"not {words}"]
        if value:
            return [f"with {words}", f"with {words}", f"and include {words}", f"plus {words}"]
        return [f"without {words}", f"no {words}", f"i don't need {words}"]

    def named(self, name: str, slot: str) -> str:
        """ "with size large"."""
        return f"with {name} {slot}"

    def turned_to(self, state: str) -> str:
        """ "to on"."""
        return f"to {state}"

    def before_a_noun(self, durations: Iterable[str]) -> list[str]:
        """Those of one number, their unit in the singular."""
        kept = (d for d in durations if " and " not in d and not d.startswith(("a ", "an ", "half")))
        return [re.sub(r"(\w)s$", r"\1", d) for d in kept]

    def joint(self, text: str, words: str, kind: str) -> str:
        """No preposition or article before words that bring one, "on" before a date, "an" before a vowel."""
        if _ARTICLED.match(words):
            text = re.sub(r"\b(?:the|my) $", "", text, flags=re.IGNORECASE)
        if kind in ("time", "date", "datetime", "enum") and _SELF_LED.search(words):
            if words in ("today", "tomorrow") and text.endswith("for "):
                return text
            # "until tomorrow" is no "tomorrow": what tells an end from a beginning stays.
            if not _ENDING.search(text):
                text = self.words.patterns["leading"].sub("", text)
        if kind == "datetime" and text.endswith(" at ") and _DATED.match(words.lower()):
            text = text.removesuffix("at ") + "on "
        if text.lower().endswith((" a ", " an ")) or text.lower() in ("a ", "an "):
            lead, _, article = text.rstrip().rpartition(" ")
            right = indefinite(words)
            if words.split()[0] in ("a", "an", "some", "the", "my", "half"):
                return f"{lead} "
            return f"{lead} {right if article.islower() else right.capitalize()} ".lstrip()
        return text

    def pointed(self, text: str, words: str, rng: random.Random) -> str:
        """ "the", "my" or "a" in front, where nothing points at the thing yet and its name is no phrase of its own."""
        taken = self.words.patterns["of_one"].search(text) or self.words.patterns["pointed"].match(words)
        if taken or rng.random() > _POINTED:
            return text
        last = words.split()[-1].lower()
        many = last.endswith("s") or last in self.words.nouns["uncountable"]
        choices = self.words.nouns["determiners"] + ([] if many else [indefinite(words)] * 3)
        return f"{text}{rng.choice(choices)} "

    def cased(self, words: str, rng: random.Random) -> str:
        """Days and months with a capital, AM and PM too."""
        style = rng.random()
        if style < 0.35:
            words = _DAY_WORD.sub(lambda m: m[0].capitalize(), words)
        if style < 0.12:
            words = re.sub(r"(?<=[\d ])[ap]m\b", lambda m: m[0].upper(), words)
        return words

    def definite(self, phrase: str) -> str:
        """With "the", where it has no article of its own."""
        return phrase if phrase.startswith(("the ", "my ", "some ")) else f"the {phrase}"

    def mended(self, text: str) -> str:
        """ "a" and "an" as the next word wants."""
        return re.sub(r"\b(a|an) (?=(\w+))", lambda m: f"{indefinite(m[2])} ", text)

    def roughened(self, pattern: str, rng: random.Random, question: bool = False) -> str:
        """No capitals, no full stop, a typo, "pls"."""
        return roughen(pattern, self.words, rng, question)

    def typed(self, done: Filled, rng: random.Random) -> Filled:
        """As it is: values bring their own case."""
        return done

    def about(self, line: str, noun: str, rng: random.Random) -> str:
        """Its article before the noun, and none before several things."""
        text = line.replace("{np}", f"{rng.choice(('the', 'my', 'my', 'this'))} {noun}").replace("{x}", noun)
        alone = noun if noun.endswith("s") else f"{indefinite(noun)} {noun}"
        text = re.sub(r"\b(?:a|an) \{n\}", alone, text).replace("{n}", noun)
        return re.sub(r"\ba (?=(?:new|used) \S+s\b)|\ban (?=old \S+s\b)", "", text)

    def tokens(self, text: str) -> list[str]:
        """Runs of letters."""
        return re.findall(r"[a-z]+", text.lower())

    def stem(self, word: str) -> str:
        """Without -ing, -s or a mute e."""
        word = word.lower()
        for ending in ("ing", "ies", "es", "s"):
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                return word[: -len(ending)] + ("y" if ending == "ies" else "")
        return word.removesuffix("e") if len(word) > 4 else word

    def folded(self, text: str) -> str:
        """As it is: English is written in one way only."""
        return text
