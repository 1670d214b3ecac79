"""Requests that no function serves: talk, other apps, and the app's own things with what it cannot do.

A pattern's side of the split is decided by the pattern alone, frames and fillers aside, so that a refusal is measured
on patterns that were never trained. What `Nearness` takes for a request to the spec is left out.
"""

import datetime as dt
import random
import re
from collections.abc import Iterator

from octocli.core.samples import Sample, Split
from octocli.core.spec import Spec
from octocli.core.splits import bucket_of, normal
from octocli.teachers.builtin.filling import SLOT, fill
from octocli.teachers.builtin.language import Filled, Language
from octocli.teachers.builtin.lexicon import Form, Stub
from octocli.teachers.builtin.nearness import Nearness
from octocli.teachers.builtin.phrasing import Phrasing
from octocli.teachers.builtin.sentences import Clause, Grammar, framed, weighted
from octocli.teachers.builtin.values import ValueSource

# A line of the near-misses that a clause goes into, its verb in one form or another.
CLAUSE = re.compile(r"\{[cgizf]\}")
# A noun that is foreign to the spec, in whatever case.
FOREIGN = re.compile(r"\{x(?:\|\w+)?\}")
KINDS = ("chit-chat", "other-app", "near-miss")
TRIES = 400
# Lines of the near-misses that are commands: with a verb that the noun's functions have not, and those that undo.
_COMMANDS = ("!", "-")
_NOW = dt.datetime(2026, 1, 5, 9, 0)


class NegativeWriter:
    """Writes negatives for one spec in one language."""

    def __init__(self, spec: Spec, language: Language) -> None:
        self.spec = spec
        self.language = language
        self.phrasings = [language.phrasing(f) for f in spec.functions]
        self.nearness = Nearness(self.phrasings, language)

    def stream(self, kind: str, split: Split, rng: random.Random) -> Iterator[Sample]:
        """An endless stream, or one that ends when `TRIES` draws in a row came to nothing."""
        draw = {"chit-chat": self._chat, "other-app": self._other, "near-miss": self._near}[kind](split, rng)
        failures = 0
        while failures < TRIES:
            sample = next(draw)
            failures = failures + 1 if sample is None else 0
            if sample is not None:
                yield sample

    def _chat(self, split: Split, rng: random.Random) -> Iterator[Sample | None]:
        lines = [line for line in self.language.words.chat if bucket_of(_skeleton(line)) == split]
        fixed = [line for line in lines if "{" not in line]
        open_lines = [line for line in lines if "{" in line]
        if not lines:
            return
        while True:
            # Patterns with fillers give many queries each, a fixed line one: drawn by what they have to give.
            line = rng.choice(fixed if fixed and (rng.random() < 0.3 or not open_lines) else open_lines)
            text = filled(line, self.language, rng)
            if rng.random() < 0.12:
                text = weighted(self.language.words.frames["question"], rng).replace("{q}", text)
            yield self._sample("chit-chat", line, text, rng, question=self._asks(line))

    def _other(self, split: Split, rng: random.Random) -> Iterator[Sample | None]:
        stubs = [(s, [t for t in s.says if bucket_of(_skeleton(t)) == split]) for s in self._stubs()]
        stubs = [(s, says) for s, says in stubs if says]
        if not stubs:
            return
        while True:
            _, says = rng.choice(stubs)
            line = rng.choice(says)
            question, text = line.startswith("?"), filled(line.lstrip("?"), self.language, rng)
            plain = question or self.language.words.patterns["talk"].match(text) is not None
            form: Form = "question" if question else "statement" if plain else "command"
            text = framed(Clause(text, form), self.language, rng)
            yield self._sample("other-app", line, text, rng, question=question)

    def _stubs(self) -> list[Stub]:
        """Other apps' functions, less what the spec does: a saying of it is dropped, and a stub that is mostly it."""
        kept = []
        for stub in self.language.words.stubs:
            says = tuple(t for t in stub.says if not self.nearness.serves(SLOT.sub(" ", t)))
            if len(says) * 3 > len(stub.says) * 2:
                kept.append(Stub(stub.domain, stub.name, says))
        return kept

    def _near(self, split: Split, rng: random.Random) -> Iterator[Sample | None]:
        lines = [line for line in self.language.words.near if bucket_of(_skeleton(line)) == split]
        grammars = [Grammar(p) for p in self.phrasings]
        source = ValueSource(rng, split, self.language.words)
        while lines:
            line, grammar = rng.choice(lines), rng.choice(grammars)
            text = self._near_text(line.lstrip("!-"), grammar, source, rng)
            if text is None or self._is_served(line, text, grammar.phrasing):
                yield None
                continue
            if line.startswith(_COMMANDS):
                text = framed(Clause(text, "command"), self.language, rng)
            yield self._sample("near-miss", line, text, rng, question=self._asks(line))

    def _near_text(self, line: str, grammar: Grammar, source: ValueSource, rng: random.Random) -> str | None:
        nouns = [n for n in grammar.phrasing.nouns if len(n) > 2] or self.nearness.things(grammar.phrasing)
        if not nouns:
            return None
        noun = rng.choice(nouns)
        if FOREIGN.search(line):
            noun = rng.choice(self.language.words.foreign)
            if self.nearness.knows(noun):
                return None
        text = self.language.about(line, noun, rng)
        if CLAUSE.search(text):
            clause = self._own_clause(grammar, source, text, rng)
            if clause is None:
                return None
            text = clause
        return filled(text, self.language, rng)

    def _own_clause(self, grammar: Grammar, source: ValueSource, line: str, rng: random.Random) -> str | None:
        """A line about a request in the spec's own words, which it talks about rather than makes."""
        phrasing, values, slots = grammar.phrasing, {}, {}
        for parameter in phrasing.function.params:
            if parameter.required or rng.random() < 0.2:
                value = source.draw(parameter.name, parameter, phrasing.roles[parameter.name], _NOW)
                if value is None:
                    return None
                values[parameter.name] = value
                slots[parameter.name] = (parameter, value, f"/0/arguments/{parameter.name}")
        clause = grammar.clause(values, rng, plain=True)
        if clause is None or self.language.words.patterns["not_talked_about"].match(clause.text):
            return None
        led = [name for name, role in phrasing.roles.items() if role.leads]
        done = fill(clause.text, slots, _NOW, self.language, rng, led=led)
        return self.language.framed(line, done.query, "{c}", rng) if done else None

    def _is_served(self, line: str, text: str, phrasing: Phrasing) -> bool:
        """Whether a near-miss comes out as something that the spec does after all."""
        if line.startswith("!"):
            return self.nearness.acts(text)
        if line.startswith("-"):
            return self.nearness.changes(text)
        if CLAUSE.search(line):
            return False
        return FOREIGN.search(line) is not None and self.nearness.serves(text)

    def _asks(self, line: str) -> bool:
        return self.language.words.patterns["question"].match(line) is not None

    def _sample(self, kind: str, line: str, text: str, rng: random.Random, *, question: bool) -> Sample | None:
        if kind == "chit-chat" and self.nearness.serves(text):
            return None
        rough = self.language.roughened(text.replace("{", "").replace("}", ""), rng, question)
        query = self.language.typed(Filled(" ".join(rough.split())), rng).query
        return Sample(query, (), kind, None, "builtin", skeleton=_skeleton(line)) if query else None


def filled(line: str, language: Language, rng: random.Random) -> str:
    """A line with its topics filled in, lower case now and then as people type."""
    topics = language.words.topics
    lower = rng.random() < 0.4

    def one(match: "re.Match[str]") -> str:
        pool = topics.get(match[1])
        text = rng.choice(pool) if pool else match[0]
        return text.lower() if lower and pool else text

    text = re.sub(r"\{(\w+)\}", one, line)
    return language.mended(text)


def _skeleton(line: str) -> str:
    return normal(SLOT.sub("{}", line.lstrip("!?-")))
