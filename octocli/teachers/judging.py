"""A second opinion: a completer says of samples whether their calls are what was asked for, and why.

The prompt names no kind and no teacher, and leans to neither side. Rows of all kinds stand together in an order drawn
from their ids. One of them is a control: words with another row's calls. A judge that lets controls pass did not look.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli.core.samples import Sample
from octocli.core.spec import Spec
from octocli.teachers.base import cell_random
from octocli.teachers.completions import Reply, Request
from octocli.teachers.prompting import (
    Unusable,
    app_line,
    called,
    full_text,
    items_of,
    list_schema,
    number_of,
    shown,
)
from octocli.teachers.replies import read_replies

# Rows in one request: the frame is paid once for them, and a long list is read with less care.
BATCH = 10
# The word in a reply's record that says it holds verdicts.
OPINION = "opinion"
_TOKENS_A_VERDICT = 80
_TOKENS_FOR_THINKING = 2000
_LONGEST_REASON = 300

_SYSTEM = (
    "You check training data for a model that turns what people say to an app into calls of the app's functions. "
    "You answer with JSON alone."
)
_RULES = """\
Below are things that people said to the app, each with an answer: the calls to make, or "none". Some answers are
right and some are wrong; nobody knows how many. Judge each by itself.
An answer is right if it does what the person wants, no more and no less:
* each function is the one that serves the wish best, and there is a call for each wish;
* each argument is what the person said or plainly meant; what they did not say is left out;
* "missing" lists required arguments that the person did not say, and only these;
* "none" is right where no function does what was said, and wrong where one does."""
_ASKED = """\
For each item write first the reason: in a few words, what the person wants and what the answer would do. Then ok:
true if the answer is right, false if it is wrong.
Answer as {"verdicts": [{"n": number of the item, "reason": "...", "ok": true or false}, ...]}."""

# The reason stands before the verdict: what is written first is thought first.
_SCHEMA: Mapping[str, Any] = list_schema(
    "verdicts", {"n": {"type": "integer"}, "reason": {"type": "string"}, "ok": {"type": "boolean"}}
)


@dataclass(frozen=True)
class Batch:
    """Rows to be judged in one request, in the order shown; `control` is the place of the one that is known wrong."""

    rows: tuple[Sample, ...]
    control: int | None

    @property
    def about(self) -> tuple[str | None, ...]:
        """The rows' ids, None for the control: what the reply's record says it is about."""
        return tuple(None if place == self.control else row.id for place, row in enumerate(self.rows))


@dataclass(frozen=True)
class Verdict:
    """What a judge said of a row."""

    ok: bool
    reason: str


def batches(rows: Sequence[Sample], seed: int, attempt: int) -> list[Batch]:
    """The rows in batches, mixed in an order that hangs on their ids, the seed and the attempt alone."""
    chance = cell_random(seed, OPINION, str(attempt))
    mixed = sorted(rows, key=lambda row: row.id)
    chance.shuffle(mixed)
    cut = [mixed[start : start + BATCH] for start in range(0, len(mixed), BATCH)]
    return [_with_control(batch, seed, attempt) for batch in cut]


def _with_control(rows: Sequence[Sample], seed: int, attempt: int) -> Batch:
    """Put one row in again with calls that cannot be right: those of another row, to other functions."""
    chance = cell_random(seed, OPINION, str(attempt), *(row.id for row in rows))
    pairs = [(one, other) for one in rows for other in rows if _strangers(one, other)]
    if not pairs:
        return Batch(tuple(rows), None)
    said, answered = chance.choice(pairs)
    place = chance.randrange(len(rows) + 1)
    wrong = Sample(said.query, answered.calls, now=said.now)
    return Batch((*rows[:place], wrong, *rows[place:]), place)


def _strangers(one: Sample, other: Sample) -> bool:
    mine, others = ({str(call["name"]) for call in row.calls} for row in (one, other))
    return not mine & others and bool(mine or others)


def request_of(batch: Batch, spec: Spec) -> Request:
    """The request for a batch."""
    full = called(batch.rows, spec)
    lines = [app_line(spec), "", "Its functions:", *(full_text(function) for function in full)]
    lines += [f"{f.name}: {f.description}" for f in spec.functions if f not in full]
    lines += ["", _RULES, ""]
    lines += [f"{place}. {_item(row)}" for place, row in enumerate(batch.rows)]
    lines += ["", _ASKED]
    return Request(
        "\n".join(lines),
        system=_SYSTEM,
        schema=_SCHEMA,
        temperature=0.0,
        max_tokens=_TOKENS_FOR_THINKING + len(batch.rows) * _TOKENS_A_VERDICT,
        task=OPINION,
        about=batch.about,
    )


def _item(row: Sample) -> str:
    clock = f"  (said at {row.now})" if row.now else ""
    return f"{json.dumps(row.query, ensure_ascii=False)} -> {shown(row) if row.calls else 'none'}{clock}"


def read_verdicts(about: Sequence[str | None], reply: Reply) -> dict[int, Verdict]:
    """The verdicts in a reply by place. A place without one, or with two that differ, is left out."""
    found: dict[int, Verdict] = {}
    unclear = set()
    try:
        items = items_of(reply, "verdicts")
    except Unusable:
        return {}
    for item in items:
        number = number_of(item)
        if number is None or not 0 <= number < len(about) or not isinstance(item.get("ok"), bool):
            continue
        told = item.get("reason")
        reason = " ".join(told.split())[:_LONGEST_REASON] if isinstance(told, str) else ""
        if number in found and found[number].ok != item["ok"]:
            unclear.add(number)
        found.setdefault(number, Verdict(item["ok"], reason or "no reason given"))
    return {number: verdict for number, verdict in found.items() if number not in unclear}


@dataclass(frozen=True)
class Opinions:
    """All that judges have said of a project's rows: verdicts and numbers of tries by a row's id, and the controls."""

    verdicts: Mapping[str, Verdict]
    tries: Mapping[str, int]
    controls: int
    caught: int


def read_opinions(path: Path) -> Opinions:
    """The verdicts in a file of replies; of two about one row the later holds."""
    verdicts: dict[str, Verdict] = {}
    tries: dict[str, int] = {}
    controls = caught = 0
    for kept in read_replies(path):
        if kept.task != OPINION:
            continue
        said = read_verdicts(kept.about, kept.reply)
        for place, row in enumerate(kept.about):
            verdict = said.get(place)
            if row is None:
                controls += verdict is not None
                caught += verdict is not None and not verdict.ok
            else:
                tries[row] = tries.get(row, 0) + 1
                if verdict is not None:
                    verdicts[row] = verdict
    return Opinions(verdicts, tries, controls, caught)
