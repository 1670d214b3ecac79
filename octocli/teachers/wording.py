"""What an LLM is asked for, and what is read from its reply: the words for calls that were planned before.

Values come first: the built-in teacher draws calls from the schema, on their side of the split, and the LLM writes what
people would say to have them made. So arguments are right by construction, and every value gets its turn. Of requests
that no function serves it writes all. Whether the words hold the values is for `verify` to find out.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from octocli.core.samples import Sample, Split
from octocli.core.spec import Function, Spec
from octocli.teachers.base import cell_random
from octocli.teachers.completions import Reply, Request

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
_PERSONAS = (
    "a busy parent", "a student", "a retired teacher", "a nurse after a night shift", "a taxi driver", "a teenager",
    "somebody whose first language is not English", "a shop owner", "a cook", "an engineer who likes few words",
    "somebody driving a car", "a tourist", "a farmer", "a musician", "somebody with flu", "a polite old gentleman",
    "a coach in a hurry", "a parent with a baby on the arm", "a lawyer", "somebody who chats with friends all day",
)  # fmt: skip
_LENGTHS = ("three to six words", "one short sentence", "one sentence of ten to fifteen words", "two sentences")
_TONES = ("as an order", "as a question", "as a wish", "politely", "casually", "in fragments, without a verb",
          "with the reason told first")  # fmt: skip
_FORMS = (
    "typed with care", "typed in lower case without punctuation", "spoken and written down by a machine",
    "with the usual short forms of chat", "typed with a slip of the finger that touches no value",
)  # fmt: skip

_SYSTEM = (
    "You write training data for a model that turns what people say to an app into calls of the app's functions. You "
    "write as real people talk, each line unlike the others. You answer with JSON alone."
)


@dataclass(frozen=True)
class Task:
    """One request's work: a cell of the plan, the number of the request in it, and the planned samples.

    For negatives nothing is planned: `count` lines of the cell's kind are asked for.
    """

    cell: str
    split: Split
    number: int
    planned: tuple[Sample, ...] = ()
    kind: str = ""
    count: int = 0

    @property
    def key(self) -> str:
        """The name under which its reply is kept."""
        return f"{self.cell}/{self.number}"


class Unusable(Exception):
    """A reply of which nothing can be taken; its text says why."""


def request_of(task: Task, spec: Spec, seed: int) -> Request:
    """The request for a task; the same for the same seed."""
    rng = cell_random(seed, "wording", task.key)
    lines = [_app(spec), ""]
    if task.planned:
        lines += [_function(f) for f in _functions(task.planned, spec)]
        lines += ["", f"Write {WORDINGS} different things that a person would say to get exactly each of these calls:"]
        for index, sample in enumerate(task.planned):
            lines.append(f"{index}. {json.dumps(_shown(sample), ensure_ascii=False)}  ({_style(rng)})")
        lines += ["", _rules(task.planned)]
    else:
        lines += ["The functions of the app:", *(f"* {f.name}: {f.description}" for f in spec.functions), ""]
        lines.append(f"Write {task.count} things that people say to it and that NONE of these functions serves.")
        lines.append(f"Kind: {NEGATIVE_KINDS[task.kind]}.")
        lines += [f"{index}. ({_style(rng)})" for index in range(task.count)]
    lines.append('Answer as {"lines": [{"n": number of the item, "text": what the person says}, ...]}.')
    wanted = len(task.planned) * WORDINGS or task.count
    return Request(
        "\n".join(lines),
        system=_SYSTEM,
        schema=_SCHEMA,
        temperature=0.9,
        max_tokens=_TOKENS_FOR_THINKING + wanted * _TOKENS_A_WORDING,
        task=task.key,
    )


_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "text": {"type": "string"}},
                "required": ["n", "text"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["lines"],
    "additionalProperties": False,
}


def read_reply(task: Task, reply: Reply) -> list[Sample]:
    """The samples in a reply, in its order; lines that belong to no item are passed over.

    Raises:
        Unusable: it was blocked, cut off before the first line, or is not what was asked for.
    """
    if reply.finish == "blocked":
        raise Unusable("blocked by the provider")
    found = [pair for item in _items(reply) if (pair := _line(item)) is not None]
    most = len(task.planned) or task.count
    samples = [_sample(task, number, text) for number, text in found if 0 <= number < most]
    if not samples:
        raise Unusable(f"no line that was asked for ({reply.finish})")
    return samples


def _items(reply: Reply) -> Sequence[Any]:
    """The list in a reply's JSON; where it was cut off, the lines that are whole."""
    text = reply.text.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return _whole_items(text)
    lines = data.get("lines") if isinstance(data, dict) else data
    return lines if isinstance(lines, list) else ()


def _whole_items(text: str) -> list[Any]:
    """The objects after the first `[` that could be read before the text ends."""
    decoder, items = json.JSONDecoder(), []
    place = text.find("[") + 1
    while place > 0 and (start := text.find("{", place)) >= 0:
        try:
            item, place = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            break
        items.append(item)
    return items


def _line(item: Any) -> tuple[int, str] | None:
    """Number and words of one line; None where it has none."""
    if not isinstance(item, dict):
        return None
    number, text = item.get("n"), item.get("text")
    if isinstance(number, bool) or not isinstance(number, int) or not isinstance(text, str):
        return None
    words = " ".join(text.encode("utf-8", "ignore").decode().split())  # half an emoji is no UTF-8
    return (number, words) if words else None


def _sample(task: Task, number: int, text: str) -> Sample:
    if not task.planned:
        return Sample(text, kind=task.kind)
    # What the built-in teacher had said for a value is not what stands in these words.
    planned = task.planned[number]
    return replace(planned, query=text, said={}, skeleton=None)


def _app(spec: Spec) -> str:
    return f"The app: {spec.app}. {spec.description}".strip()


def _functions(planned: Sequence[Sample], spec: Spec) -> list[Function]:
    names = dict.fromkeys(str(call["name"]) for sample in planned for call in sample.calls)
    return [spec.by_name[name] for name in names]


def _function(function: Function) -> str:
    lines = [f"{function.name}: {function.description}"]
    for parameter in function.params:
        schema = {k: v for k, v in parameter.schema.items() if k != "description"}
        told = parameter.schema.get("description", "")
        lines.append(f"  {parameter.name} {json.dumps(schema, ensure_ascii=False)} {told}".rstrip())
    return "\n".join(lines)


def _shown(sample: Sample) -> Any:
    return list(sample.calls) if len(sample.calls) > 1 else sample.calls[0]


def _style(rng: random.Random) -> str:
    return "; ".join(rng.choice(axis) for axis in (_PERSONAS, _LENGTHS, _TONES, _FORMS))


def _rules(planned: Sequence[Sample]) -> str:
    rules = [
        "Every argument must be said, in the words a person would use for it; free text word for word.",
        "Nothing may be said that would be another argument.",
        "Do not name functions or parameters.",
    ]
    if any(call.get("missing") for sample in planned for call in sample.calls):
        rules.append("What is listed under missing must NOT be said: the person forgot it.")
    return " ".join(rules)
