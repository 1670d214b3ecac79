"""What an LLM is asked for, and what is read from its reply: the words for calls that were planned before.

Values come first: the built-in teacher draws calls from the schema, on their side of the split, and the LLM writes what
people would say to have them made. So arguments are right by construction, and every value gets its turn. Of requests
that no function serves it writes all. Whether the words hold the values is for `verify` to find out.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.samples import Sample, Split, parse_json, parse_sample
from octocli.core.spec import Function, Spec
from octocli.core.splits import bucket_of, free_values
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
from octocli.teachers.styles import Styles

# Planned samples in one request, and wordings of each: more of them come out alike, fewer cost the frame anew.
PLANNED = 5
WORDINGS = 2
# A wording takes some thirty tokens, its JSON some ten; thinking models need room before they write.
_TOKENS_A_WORDING = 60
_TOKENS_FOR_THINKING = 2000

NEGATIVE_KINDS: dict[str, str] = {
    "chit-chat": "small talk, feelings, thanks, jokes: nothing that any app would do",
    "knowledge": "questions about the world that an encyclopedia would answer",
    "creative": "asking for texts to be written, translated, summed up or explained",
    "other-app": "real requests to other kinds of app, whose subject is foreign to this one",
    "near-miss": "sentences about this app's own subjects that ask for none of its functions: something done already, "
    "a question how it works, another person's doing, a wish not to have it done",
    "beyond": "requests that this app's users would like it to serve, and that none of its functions can",
}
_SYSTEM = (
    "You write training data for a model that turns what people say to an app into calls of the app's functions. You "
    "write as real people talk, each line unlike the others. You answer with JSON alone."
)


# Kinds of negative that are about one function: they are asked for function by function.
_OF_A_FUNCTION = ("near-miss", "beyond")
# What the words are to be like where the teacher chooses the calls too.
_QUERY_FIRST: Mapping[str, str] = {
    "positive": "to get one call of {name}",
    "parallel": "with two wishes in one breath: a call of {name} and one of another function, which changes",
    "missing": "to get one call of {name}, forgetting a required argument: it is left out of the arguments and "
    'listed as "missing": ["its name"] beside them',
    "nested": "to get one call of {name}, with an argument that another function has to find out: that function's "
    "call stands as the argument",
}


@dataclass(frozen=True)
class Task:
    """One request's work: a cell of the plan, the number of the request in it, and the planned samples.

    Attributes:
        cell, split, number: where it belongs.
        planned: the samples to be worded; empty where the teacher chooses calls, or there are none.
        kind: the kind of the cell.
        count: lines that are asked for where nothing is planned.
        subject: the function that the teacher chooses arguments for; empty for planned calls and for negatives.
        mended: rejected rows with the reason; they are the planned ones, or what the lines of negatives replace.
    """

    cell: str
    split: Split
    number: int
    planned: tuple[Sample, ...] = ()
    kind: str = ""
    count: int = 0
    subject: str = ""
    mended: tuple[tuple[Sample, str], ...] = ()

    @property
    def key(self) -> str:
        """The name under which its reply is kept."""
        return f"{self.cell}/{'mend/' if self.mended else ''}{self.number}"

    @property
    def lines(self) -> int:
        """How many lines a full reply has."""
        return len(self.planned) * (1 if self.mended else WORDINGS) or self.count


@dataclass(frozen=True)
class LookAlikes:
    """What share of planned calls is worded close to another function, and for a function the one closest to it."""

    share: float = 0.0
    nearest: Mapping[str, str] = field(default_factory=dict)

    def of(self, function: str, item: int) -> str:
        """The function that item `item` of a cell comes close to, or nothing."""
        due = math.floor((item + 1) * self.share) > math.floor(item * self.share)
        return self.nearest.get(function, "") if due else ""


def request_of(
    task: Task, spec: Spec, seed: int, look_alikes: LookAlikes = LookAlikes(), language: str = "English"
) -> Request:
    """The request for a task; the same for the same seed. English is the language of the prompt, and goes unsaid."""
    if task.planned:
        lines = _for_planned(task, spec, seed, look_alikes)
    elif task.subject:
        lines = _for_queries(task, spec, seed)
    else:
        lines = _for_negatives(task, spec, seed)
    foreign = [f"People talk to it in {language}: every text that you write is {language}."]
    about = [app_line(spec), *(foreign if language != "English" else [])]
    return Request(
        "\n".join([*about, "", *lines]),
        system=_SYSTEM,
        schema=_SCHEMA_WITH_CALLS if task.subject else _SCHEMA,
        temperature=0.9,
        max_tokens=_TOKENS_FOR_THINKING + task.lines * (2 if task.subject else 1) * _TOKENS_A_WORDING,
        task=task.key,
        about=tuple(row.id for row, _ in task.mended),
    )


_LINE: Mapping[str, Any] = {"n": {"type": "integer"}, "text": {"type": "string"}}
_SCHEMA: Mapping[str, Any] = list_schema("lines", _LINE)
# Calls as text: the schemas that providers take know no object with free keys.
_SCHEMA_WITH_CALLS: Mapping[str, Any] = list_schema("lines", {**_LINE, "calls": {"type": "string"}})
_ANSWER = 'Answer as {"lines": [{"n": number of the item, "text": what the person says}, ...]}.'


def _for_planned(task: Task, spec: Spec, seed: int, look_alikes: LookAlikes) -> list[str]:
    functions = called(task.planned, spec)
    close = [look_alikes.of(functions[0].name, _item(task, index)) for index in range(len(task.planned))]
    lines = [full_text(f) for f in functions]
    lines += [f"Not called here: {n}: {spec.by_name[n].description}" for n in dict.fromkeys(close) if n]
    wanted = "one thing" if task.mended else f"{WORDINGS} different things"
    lines += ["", f"Write {wanted} that a person would say to get exactly each of these calls:"]
    for index, sample in enumerate(task.planned):
        hard = f"; in words that a listener might take for {close[index]}, and that mean this" if close[index] else ""
        lines.append(f"{index}. {shown(sample)}  ({_style(task, index, seed)}{hard})")
        lines += _told(task, index)
    return [*lines, "", _rules(task.planned), _ANSWER]


def _for_queries(task: Task, spec: Spec, seed: int) -> list[str]:
    wanted = _QUERY_FIRST[task.kind].format(name=task.subject)
    lines = [full_text(spec.by_name[task.subject])]
    if task.kind != "positive":
        lines += ["", "The other functions:", *(full_text(f) for f in spec.functions if f.name != task.subject)]
    lines += ["", f"Write {task.count} things that a person would say {wanted}. All other arguments that they say are"]
    lines += ["filled in as the schema wants them; what they do not say is left out. Free text stands word for word."]
    lines += [f"{index}. ({_style(task, index, seed)})" for index in range(task.count)]
    call = json.dumps([{"name": task.subject, "arguments": {}}])
    return [*lines, 'Answer as {"lines": [{"n": number of the item, "text": what the person says, "calls": the list of '
            f'calls as JSON in a string, like {json.dumps(call)}}}, ...]}}.']  # fmt: skip


def _for_negatives(task: Task, spec: Spec, seed: int) -> list[str]:
    about = [_about(task, index, spec, seed) for index in range(task.count)]
    full = {f.name: full_text(f) for f in about if f is not None}
    lines = ["The functions of the app:", *(full.get(f.name, f"{f.name}: {f.description}") for f in spec.functions)]
    lines += ["", f"Write {task.count} things that people say to it and that NONE of these functions serves."]
    lines.append(f"Kind: {NEGATIVE_KINDS[task.kind]}.")
    for index, function in enumerate(about):
        subject = f"; close to {function.name}" if function else ""
        lines.append(f"{index}. ({_style(task, index, seed)}{subject})")
        lines += _told(task, index)
    return [*lines, _ANSWER]


def _about(task: Task, index: int, spec: Spec, seed: int) -> Function | None:
    """The function that a line of a negative is about: each in its turn, in an order of the seed's."""
    if task.kind not in _OF_A_FUNCTION:
        return None
    functions = list(spec.functions)
    cell_random(seed, "about", task.cell).shuffle(functions)
    return functions[_item(task, index) % len(functions)]


def _told(task: Task, index: int) -> list[str]:
    """What was wrong with the row that a line is to replace."""
    if not task.mended:
        return []
    row, reason = task.mended[index]
    return [f"   Earlier words for it were rejected: {json.dumps(row.query, ensure_ascii=False)}: {reason}"]


def read_reply(task: Task, reply: Reply, spec: Spec | None = None) -> list[Sample]:
    """The samples in a reply, in its order; lines that belong to no item are passed over.

    `spec` is needed where the teacher chose the calls.

    Raises:
        Unusable: it was blocked, cut off before the first line, or is not what was asked for.
    """
    most = len(task.planned) or task.count
    samples = []
    for item in items_of(reply, "lines"):
        number, text = number_of(item), _text_of(item)
        if number is None or not 0 <= number < most or not text:
            continue
        made = _sample(task, number, text, item, spec)
        samples += [made] if made is not None else []
    if not samples:
        raise Unusable(f"no line that was asked for ({reply.finish})")
    return samples


def _text_of(item: Any) -> str:
    """The words of an item, nothing where it has none; half an emoji, which is no UTF-8, is left out."""
    text = item.get("text") if isinstance(item, dict) else None
    return " ".join(text.encode("utf-8", "ignore").decode().split()) if isinstance(text, str) else ""


def _sample(task: Task, number: int, text: str, item: Mapping[str, Any], spec: Spec | None) -> Sample | None:
    if task.subject:
        assert spec is not None
        return _with_calls(task, text, item.get("calls"), spec)
    if task.mended:
        row = task.mended[number][0]
        return replace(row, query=text, said={}, skeleton=None, extra={"mends": mends_of(row) + 1})
    if not task.planned:
        return Sample(text, kind=task.kind)
    # What the built-in teacher had said for a value is not what stands in these words.
    planned = task.planned[number]
    return replace(planned, query=text, said={}, skeleton=None)


def mends_of(row: Sample) -> int:
    """How often a row's call was worded anew until these words came."""
    return int(row.extra.get("mends", 0))


def _with_calls(task: Task, text: str, calls: Any, spec: Spec) -> Sample | None:
    """Words with the calls that the teacher gave them; None where those are of another kind than was asked for."""
    try:
        data = parse_json(calls, task.key) if isinstance(calls, str) else calls
        row = parse_sample({"query": text, "calls": [data] if isinstance(data, dict) else data}, task.key)
    except (ValueError, RecursionError, BadInput):
        return None
    names = [str(call["name"]) for call in row.calls]
    if task.subject not in names or task.kind != _kind_of(row):
        return None
    sides = {bucket_of(value) for value in free_values(row, spec)}
    # A value has a side of its own, and what was said with it goes there; where two differ, verify sees a leak.
    return replace(row, kind=task.kind, split=sides.pop() if len(sides) == 1 else None)


def _kind_of(row: Sample) -> str:
    if len(row.calls) > 1:
        return "parallel"
    if any(_is_call(value) for value in row.calls[0]["arguments"].values()):
        return "nested"
    return "missing" if row.calls[0].get("missing") else "positive"


def _is_call(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) >= {"name", "arguments"}


def _style(task: Task, index: int, seed: int) -> str:
    """A mend takes styles of its own, not those of the rows that it replaces."""
    styles = Styles(seed, f"{task.cell}/mend" if task.mended else task.cell)
    return "; ".join(styles[_item(task, index)])


def _item(task: Task, index: int) -> int:
    """The number of an item in its cell, if every task before this one was full."""
    return task.number * (PLANNED if task.planned else PLANNED * WORDINGS) + index


def _rules(planned: Sequence[Sample]) -> str:
    rules = [
        "Every argument must be said, in the words a person would use for it; free text word for word.",
        "Nothing may be said that would be another argument.",
        "Do not name functions or parameters.",
    ]
    if any(call.get("missing") for sample in planned for call in sample.calls):
        rules.append("What is listed under missing must NOT be said: the person forgot it.")
    if any(_is_call(v) for sample in planned for call in sample.calls for v in call["arguments"].values()):
        rules.append(
            "Where an argument is itself a call, the person asks for what it gives, as if they did not know it."
        )
    return " ".join(rules)
