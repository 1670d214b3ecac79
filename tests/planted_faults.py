"""Faults planted into good rows of templates, and how many of them `verify` catches: the table in docs/guide.md.

    python tests/planted_faults.py        # write the table

Each class breaks rows in one way, drawn by a seed. What a check cannot see is told as missed, not left out.
"""

import json
import random
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from octocli.core.calls import argument_pointer
from octocli.core.errors import BadInput
from octocli.core.project import Project, open_project
from octocli.core.samples import SPLITS, Sample, dump_line, read_samples, write_samples
from octocli.core.spec import Function, Parameter, Spec
from octocli.core.splits import bucket_of, normal, skeleton_of
from octocli.core.validation import call_is_valid
from octocli.stages.scaffold import scaffold
from octocli.stages.synthesize import synthesize
from octocli.stages.verify import verify

TEMPLATES = ("android", "smart-home", "yelp")
EACH = 20
GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guide.md"
# The request that a planted one was made of.
_OF = "of"
OPENING, CLOSING = "<!-- planted faults: made by tests/planted_faults.py -->", "<!-- end of planted faults -->"


@dataclass(frozen=True)
class Ground:
    """What faults are planted into: good rows and their spec."""

    rows: Sequence[Sample]
    spec: Spec
    rng: random.Random

    def single(self) -> Iterator[tuple[Sample, Function, dict[str, Any]]]:
        """Yield rows with one plain call, in a random order, with their function and arguments."""
        rows = [s for s in self.rows if len(s.calls) == 1 and s.kind != "example" and not s.calls[0].get("missing")]
        for sample in self.rng.sample(rows, len(rows)):
            yield sample, self.spec.by_name[sample.calls[0]["name"]], dict(sample.calls[0]["arguments"])

    def arguments(self, *kinds: str) -> Iterator[tuple[Sample, Function, dict[str, Any], Parameter]]:
        """Yield the same with one argument of such a kind, or of any."""
        for sample, function, given in self.single():
            found = [p for p in function.params if p.name in given and (p.kind in kinds or not kinds)]
            if found:
                yield sample, function, given, self.rng.choice(found)

    def other_value(self, function: Function, parameter: Parameter, value: Any) -> Any:
        """A value that another row gives for the same parameter, or None."""
        seen = [s.calls[0]["arguments"].get(parameter.name) for s, f, _ in self.single() if f is function]
        others = [v for v in seen if v is not None and v != value]
        return self.rng.choice(others) if others else None

    def other_calls(self, sample: Sample, *, grounded: bool = False) -> tuple[dict[str, Any], ...] | None:
        """Valid calls of another function: with the same arguments where `grounded`, else another row's."""
        given = sample.calls[0]["arguments"]
        names = [f.name for f in self.spec.functions if f.name != sample.calls[0]["name"]]
        calls = [{"name": name, "arguments": given} for name in names] if grounded else [
            dict(s.calls[0]) for s, f, _ in self.single() if f.name in names][:5]  # fmt: skip
        valid = [call for call in calls if call_is_valid(call, self.spec)]
        return (self.rng.choice(valid),) if valid else None


def _with(sample: Sample, function: Function, given: Mapping[str, Any], **changes: Any) -> Sample:
    return replace(sample, calls=({"name": function.name, "arguments": dict(given)},), **changes)


def _unsaid(sample: Sample, name: str) -> dict[str, str]:
    return {k: v for k, v in sample.said.items() if k != argument_pointer("/0", name)}


def wrong_type(ground: Ground) -> Iterator[Sample]:
    for sample, function, given, parameter in ground.arguments("integer", "number", "boolean", "enum", "money"):
        yield _with(sample, function, given | {parameter.name: [given[parameter.name]]})


def out_of_range(ground: Ground) -> Iterator[Sample]:
    for sample, function, given, parameter in ground.arguments("integer", "number", "enum"):
        if "enum" in parameter.schema:
            yield _with(sample, function, given | {parameter.name: f"{given[parameter.name]}ish"})
        elif "maximum" in parameter.schema:
            yield _with(sample, function, given | {parameter.name: parameter.schema["maximum"] + 1})


def unknown_parameter(ground: Ground) -> Iterator[Sample]:
    for sample, function, given in ground.single():
        yield _with(sample, function, given | {"colour_of_mood": "blue"})


def unknown_function(ground: Ground) -> Iterator[Sample]:
    for sample, function, given in ground.single():
        yield replace(sample, calls=({"name": f"{function.name}_v2", "arguments": given},))


def required_left_out(ground: Ground) -> Iterator[Sample]:
    for sample, function, given, parameter in ground.arguments():
        if parameter.required:
            kept = {k: v for k, v in given.items() if k != parameter.name}
            yield _with(sample, function, kept, said=_unsaid(sample, parameter.name))


def _another_value(ground: Ground, *kinds: str) -> Iterator[Sample]:
    for sample, function, given, parameter in ground.arguments(*kinds):
        value = ground.other_value(function, parameter, given[parameter.name])
        if value is not None and normal(str(value)) not in normal(sample.query):
            said = _unsaid(sample, parameter.name)
            yield _with(sample, function, given | {parameter.name: value}, said=said)


def ungrounded_text(ground: Ground) -> Iterator[Sample]:
    return _another_value(ground, "text")


def ungrounded_choice(ground: Ground) -> Iterator[Sample]:
    return _another_value(ground, "enum", "boolean")


def ungrounded_number(ground: Ground) -> Iterator[Sample]:
    return _another_value(ground, "integer", "number", "money", "duration", "time", "date")


def invented_argument(ground: Ground) -> Iterator[Sample]:
    for sample, function, given in ground.single():
        absent = [p for p in function.params if p.name not in given]
        for parameter in ground.rng.sample(absent, len(absent)):
            value = ground.other_value(function, parameter, None)
            if value is not None:
                yield _with(sample, function, given | {parameter.name: value})
                break


def argument_left_out(ground: Ground) -> Iterator[Sample]:
    for sample, function, given, parameter in ground.arguments():
        if not parameter.required:
            kept = {k: v for k, v in given.items() if k != parameter.name}
            yield _with(sample, function, kept, said=_unsaid(sample, parameter.name))


def missing_though_said(ground: Ground) -> Iterator[Sample]:
    for sample, function, given, parameter in ground.arguments():
        if parameter.required:
            kept = {k: v for k, v in given.items() if k != parameter.name}
            call = {"name": function.name, "arguments": kept, "missing": [parameter.name]}
            yield replace(sample, calls=(call,), said=_unsaid(sample, parameter.name), kind="missing")


def said_another_value(ground: Ground) -> Iterator[Sample]:
    for sample, function, given, parameter in ground.arguments():
        value = ground.other_value(function, parameter, given[parameter.name])
        if argument_pointer("/0", parameter.name) in sample.said and value is not None:
            yield _with(sample, function, given | {parameter.name: value})


def said_not_in_query(ground: Ground) -> Iterator[Sample]:
    for sample, _, _, parameter in ground.arguments():
        pointer = argument_pointer("/0", parameter.name)
        if pointer in sample.said:
            yield replace(sample, said={**sample.said, pointer: f"about {sample.said[pointer]} or so"})


def wrong_function(ground: Ground) -> Iterator[Sample]:
    for sample, *_ in ground.single():
        calls = ground.other_calls(sample, grounded=True)
        if calls:
            yield replace(sample, calls=calls, said={})


def called_none(ground: Ground) -> Iterator[Sample]:
    for sample, *_ in ground.single():
        yield replace(sample, calls=(), said={}, kind="chit-chat")


def _roughly(text: str, sample: Sample, rng: random.Random) -> str:
    """The request with a word outside its values mistyped, a "please" more or an article less."""
    values = set(normal(json.dumps([list(sample.calls), dict(sample.said)])).split())
    words = text.split()
    places = [i for i, w in enumerate(words) if len(w) > 3 and w.isalpha() and w.lower() not in values]
    articles = [i for i, w in enumerate(words) if w.lower() in ("the", "a", "an") and len(words) > 2]
    way = rng.choice(["typo"] * bool(places) + ["less"] * bool(articles) + ["please"])
    if way == "typo":
        at = rng.choice(places)
        letter = rng.randrange(1, len(words[at]) - 1)
        words[at] = words[at][:letter] + words[at][letter + 1 :]
    elif way == "less":
        words.pop(rng.choice(articles))
    else:
        words.insert(rng.choice((0, len(words))), "please")
    return " ".join(words)


def duplicate(ground: Ground) -> Iterator[Sample]:
    for sample, *_ in ground.single():
        yield replace(sample, query=f"{sample.query.swapcase()} !")


def near_duplicate(ground: Ground) -> Iterator[Sample]:
    for sample, *_ in ground.single():
        query = _roughly(sample.query, sample, ground.rng)
        yield replace(sample, query=query, teacher="llm", skeleton=None, extra={_OF: sample.query})


def contradiction(ground: Ground) -> Iterator[Sample]:
    for sample, *_ in ground.single():
        calls = ground.other_calls(sample, grounded=True) or ()
        yield replace(sample, query=f"{sample.query} !", calls=calls, said={}, kind="" if calls else "chit-chat")


def near_contradiction(ground: Ground) -> Iterator[Sample]:
    for sample in contradiction(ground):
        plain = sample.query.removesuffix(" !")
        yield replace(sample, query=_roughly(plain, sample, ground.rng), skeleton=None, extra={_OF: plain})


def leak_of_text(ground: Ground) -> Iterator[Sample]:
    for sample, *_ in ground.single():
        other = next(s for s in SPLITS if s != bucket_of(skeleton_of(sample, ground.spec)))
        yield replace(sample, query=sample.query.upper(), split=other, teacher="import")


def leak_of_words(ground: Ground) -> Iterator[Sample]:
    for sample, *_ in ground.single():
        query, own = _roughly(sample.query, sample, ground.rng), skeleton_of(sample, ground.spec)
        if bucket_of(own) != bucket_of(normal(f"{own} please")):
            yield replace(sample, query=query, skeleton=f"{own} please", teacher="llm", extra={_OF: sample.query})


def _other_text(ground: Ground, *, other_side: bool) -> Iterator[Sample]:
    """Rows with another free text put in, in words and call, that belongs to the same side or to another."""
    for sample, function, given, parameter in ground.arguments("text"):
        value, side = str(given[parameter.name]), bucket_of(skeleton_of(sample, ground.spec))
        other = str(ground.other_value(function, parameter, value))
        fits = (bucket_of(normal(other)) != side) == other_side
        if sample.query.count(value) == 1 and fits and call_is_valid(
            {"name": function.name, "arguments": given | {parameter.name: other}}, ground.spec
        ):  # fmt: skip
            query = sample.query.replace(value, other)
            yield _with(sample, function, given | {parameter.name: other}, query=query)


def leak_of_value(ground: Ground) -> Iterator[Sample]:
    return _other_text(ground, other_side=True)


def leak_of_skeleton(ground: Ground) -> Iterator[Sample]:
    for sample in _other_text(ground, other_side=False):
        side = bucket_of(skeleton_of(sample, ground.spec))
        yield replace(sample, split=next(s for s in SPLITS if s != side), teacher="llm")


CLASSES: dict[str, Callable[[Ground], Iterator[Sample]]] = {
    "unknown function": unknown_function,
    "unknown parameter": unknown_parameter,
    "required argument left out": required_left_out,
    "wrong type": wrong_type,
    "out of range, not in the enum": out_of_range,
    "`said`: words not in the query": said_not_in_query,
    "`said`: words that mean another value": said_another_value,
    "text of another row": ungrounded_text,
    "choice of another row": ungrounded_choice,
    "number, time or amount of another row": ungrounded_number,
    "argument that nobody said": invented_argument,
    "optional argument left out though said": argument_left_out,
    "missing though said": missing_though_said,
    "another function with the same arguments": wrong_function,
    "none, though a function serves": called_none,
    "duplicate": duplicate,
    "near-duplicate": near_duplicate,
    "contradiction": contradiction,
    "contradiction in nearly the same words": near_contradiction,
    "leak of a text": leak_of_text,
    "leak of nearly a text": leak_of_words,
    "leak of a skeleton": leak_of_skeleton,
    "leak of a free value": leak_of_value,
}

# Planted beside the row that they are made of; all others stand in its place.
BESIDE = frozenset(
    name for name in CLASSES if name.split()[0] in ("duplicate", "near-duplicate", "contradiction", "leak")
)


@dataclass
class Count:
    """How many faults of a class were planted, and which checks caught how many."""

    planted: int = 0
    caught_by: Counter[str] = field(default_factory=Counter)


def tally(work: Path) -> tuple[dict[str, Count], Counter[str], int]:
    """Plant every class into each template's rows: counts by class, false alarms by check, untouched rows."""
    counts: dict[str, Count] = defaultdict(Count)
    alarms: Counter[str] = Counter()
    untouched = 0
    for template in TEMPLATES:
        project = _project(work / template, template)
        good = read_samples(project.samples_file)
        reasons = _reasons(project)
        alarms.update(reasons.values())
        untouched += len(good)
        sound = [s for s in good if s.query not in reasons]
        for name, plant in CLASSES.items():
            faulty = _drawn(plant, Ground(sound, project.spec, random.Random(f"{template}/{name}")))
            replaced = set() if name in BESIDE else {s.query for s in faulty}
            write_samples(project.samples_file, [*(s for s in sound if s.query not in replaced), *faulty])
            counts[name].planted += len(faulty)
            counts[name].caught_by.update(_caught(_reasons(project), faulty))
        counts["broken line"].planted += EACH
        counts["broken line"].caught_by["refused"] += _broken(project, sound, random.Random(template))
    return counts, alarms, untouched


def _project(folder: Path, template: str) -> Project:
    scaffold(folder, template=template)
    file = folder / "octo.toml"
    text = file.read_text(encoding="utf-8").replace("[synth]", "[synth]\nheld_out_per_function = 8\nmissing = 0.2")
    lines = ["per_function = 12" if line.startswith("per_function") else line for line in text.splitlines()]
    file.write_text("\n".join(lines), encoding="utf-8")
    project = open_project(folder)
    synthesize(project)
    return project


def _drawn(plant: Callable[[Ground], Iterator[Sample]], ground: Ground) -> list[Sample]:
    """The first faults with words of their own among themselves."""
    found: dict[str, Sample] = {}
    for sample in plant(ground):
        found.setdefault(normal(sample.query), sample)
        if len(found) == EACH:
            break
    return list(found.values())


def _reasons(project: Project) -> dict[str, str]:
    """The check that rejected it, by query."""
    verify(project)
    rejected = [json.loads(line) for line in project.rejected_file.read_text(encoding="utf-8").splitlines()]
    return {r["query"]: r["reason"].split(":")[0] for r in rejected}


def _caught(reasons: Mapping[str, str], faulty: Sequence[Sample]) -> Iterator[str]:
    """Yield the check that caught each fault: it rejected the planted row or the one beside it."""
    by_text = {normal(query): reason for query, reason in reasons.items()}
    for sample in faulty:
        for query in (sample.query, str(sample.extra.get(_OF, sample.query))):
            if normal(query) in by_text:
                yield by_text[normal(query)]
                break


def _broken(project: Project, sound: Sequence[Sample], rng: random.Random) -> int:
    """How many stores with one line torn in two are refused with the number of that line."""
    refused = 0
    lines = [dump_line(s.to_json()) for s in sound]
    for _ in range(EACH):
        at = rng.randrange(len(lines) - 1)
        torn = lines[at][: rng.randrange(1, len(lines[at]) - 2)]
        project.samples_file.write_text("".join([*lines[:at], torn + "\n", *lines[at + 1 :]]), encoding="utf-8")
        try:
            verify(project)
        except BadInput as error:
            refused += f":{at + 1}:" in str(error)
    return refused


def table(counts: Mapping[str, Count], alarms: Counter[str], untouched: int) -> str:
    """The table of the guide."""
    rows = ["| planted fault | planted | caught | missed | by |", "|---|---|---|---|---|"]
    for name, count in counts.items():
        caught = count.caught_by.total()
        by = ", ".join(f"{check} {n}" for check, n in count.caught_by.most_common())
        rows.append(f"| {name} | {count.planted} | {caught} | {count.planted - caught} | {by} |")
    said = ", ".join(f"{check} {n}" for check, n in alarms.most_common()) or "none"
    rows.append(f"\nOf {untouched} rows as the built-in teacher wrote them, {alarms.total()} were rejected: {said}.")
    return "\n".join(rows)


def made() -> str:
    """The table, made anew."""
    folder = Path(tempfile.mkdtemp(prefix="planted-"))
    try:
        return table(*tally(folder))
    finally:
        shutil.rmtree(folder)


def shown() -> str:
    """The table as the guide has it."""
    return GUIDE.read_text(encoding="utf-8").split(OPENING)[1].split(CLOSING)[0].strip()


if __name__ == "__main__":
    page = GUIDE.read_text(encoding="utf-8")
    fresh = made()
    GUIDE.write_text(page.replace(shown(), fresh) if shown() else page.replace(OPENING, f"{OPENING}\n\n{fresh}\n"))
    sys.stdout.write(fresh + "\n")
