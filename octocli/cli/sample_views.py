"""How samples look on a terminal, and in JSON. What is shown of them is the business of `octo data`'s stages."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from octocli.cli import console

if TYPE_CHECKING:
    from octocli.core.oddness import Oddity, RareWord
    from octocli.core.samples import Sample
    from octocli.stages.browse import Counts, Lesson, Store
    from octocli.stages.compare import Change, Difference
    from octocli.stages.coverage import Coverage
    from octocli.stages.export_samples import SamplesExport

_GIVEN, _LEARNT, _TOKEN = "cyan", "green", "bold magenta"
_QUERY, _FAULT = "bold", "bold red"


def show_store(store: "Store") -> None:
    """Say which samples these are."""
    state = {True: "verified", False: "not verified as it is now; octo verify", None: ""}[store.is_verified]
    console.say(f"{store.file}: {len(store.samples)} samples{f' ({state})' if state else ''}")


def show_counts(counts: "Counts") -> None:
    """Print the counts: functions with their kinds, then kinds, then teachers."""
    rows = []
    for function, kinds in counts.by_function.items():
        names = [function, *[""] * (len(kinds) - 1)]
        cells = kinds.items() or [("", Counter[str]())]
        rows += [(name, kind, *_numbers(n, counts.splits)) for name, (kind, n) in zip(names, cells, strict=True)]
    console.table(("function", "kind", *counts.splits, "all"), rows)
    for title, by in (("kind", counts.by_kind), ("teacher", counts.by_teacher)):
        console.say("")
        console.table((title, *counts.splits, "all"), [(name, *_numbers(n, counts.splits)) for name, n in by.items()])


def _numbers(counter: Mapping[str, int], splits: Sequence[str]) -> list[str]:
    return [str(counter.get(split, 0)) for split in splits] + [str(sum(counter.values()))]


def show_coverage(coverage: "Coverage") -> None:
    """Print how each parameter is used, then what no sample has."""
    rows, last = [], ""
    for use in coverage.uses:
        name = use.function if use.function != last else ""
        calls = str(use.calls) if name else ""
        last = use.function
        parameter = use.parameter + ("" if use.required or not use.parameter else "?")
        given = [str(use.given), str(use.values)] if use.parameter else ["", ""]
        rows.append((name, calls, parameter, *given, str(use.missing) if use.missing else ""))
    console.table(("function", "calls", "parameter", "given", "values", "missing"), rows)
    console.say("")
    for function, found in coverage.sets.items():
        console.say(f"{function}: {len(found)} sets of arguments")
    console.say("")
    for gap in coverage.gaps or ("no gap: each function, parameter and listed value is in some sample",):
        console.say(gap)


def show_sample(sample: "Sample") -> None:
    """Print a sample in two lines: what is said, what is called."""
    console.say(_line(sample.query), _QUERY)
    console.say(f"  {_answer(sample)}  [{_about(sample)}]")


def show_lesson(lesson: "Lesson", note: str = "") -> None:
    """Print a sample as training sees it, in two colours; each line says by itself which part it is."""
    about = ", ".join(part for part in (_about(lesson.sample), note) if part)
    console.say(f"[{about}]")
    for line in lesson.given.split("\n"):
        console.say_parts(("  given   ", ""), (line, _GIVEN))
    if lesson.learnt:
        pieces = [(piece.text, _TOKEN if piece.special else _LEARNT) for piece in lesson.learnt]
        console.say_parts(("  learnt  ", ""), *pieces)
    if lesson.fault:
        console.say(f"  breaks the spec: {lesson.fault}", _FAULT)


def lesson_as_json(lesson: "Lesson") -> dict[str, Any]:
    """The sample with what is given and what is learnt of it."""
    learnt = [{"text": piece.text, "special": piece.special} for piece in lesson.learnt]
    return {**lesson.sample.to_json(), "given": lesson.given, "learnt": learnt, "fault": lesson.fault or None}


def show_oddity(oddity: "Oddity") -> None:
    """Print an odd sample and the reason."""
    show_sample(oddity.sample)
    console.say(
        f"  {oddity.bits:.1f} bits a word, where {oddity.function} has {oddity.usual:.1f} ± {oddity.spread:.1f} "
        f"({oddity.score:.1f} above)"
    )
    console.say(f"  {'; '.join(_why(word, oddity) for word in oddity.rare)}")


def _why(word: "RareWord", oddity: "Oddity") -> str:
    here = f"{json.dumps(word.word, ensure_ascii=False)} in {word.others} of {oddity.among} others"
    elsewhere = word.at_home != oddity.function and word.there > 1
    return f"{here}, in {word.there} of {word.at_home}" if elsewhere else here


def oddity_as_json(oddity: "Oddity") -> dict[str, Any]:
    """The sample with its oddness and the reason."""
    why = [
        {"word": word.word, "others": word.others, "at_home": word.at_home, "there": word.there} for word in oddity.rare
    ]
    measure = {"bits": round(oddity.bits, 3), "usual": round(oddity.usual, 3), "spread": round(oddity.spread, 3)}
    return {
        **oddity.sample.to_json(), "function": oddity.function, **measure, "score": round(oddity.score, 3),
        "among": oddity.among, "why": why,
    }  # fmt: skip


def show_difference(difference: "Difference", number: int) -> None:
    """Print what was removed, added and answered otherwise, at most `number` of each."""
    for store in (difference.before, difference.after):
        show_store(store)
    for sign, title, samples in (("-", "removed", difference.removed), ("+", "added", difference.added)):
        for sample in samples[:number]:
            console.say(f"{sign} {_line(sample.query)}", _QUERY)
            console.say(f"  {_answer(sample)}")
        _say_rest(len(samples) - number, title)
    for change in difference.changed[:number]:
        _show_change(change)
    _say_rest(len(difference.changed) - number, "answered otherwise")
    console.say(
        f"{len(difference.added)} added, {len(difference.removed)} removed, {len(difference.changed)} answered "
        f"otherwise, {difference.same} the same"
    )


def _show_change(change: "Change") -> None:
    console.say(f"~ {_line(change.query)}", _QUERY)
    for label, samples in (("before", change.before), ("after ", change.after)):
        for sample in samples:
            console.say(f"  {label}  {_answer(sample)}")


def _say_rest(rest: int, what: str) -> None:
    if rest > 0:
        console.say(f"and {rest} more {what}; -n shows more")


def difference_as_json(difference: "Difference") -> dict[str, Any]:
    """All of a difference, for a script."""
    return {
        "before": str(difference.before.file),
        "after": str(difference.after.file),
        "added": [sample.to_json() for sample in difference.added],
        "removed": [sample.to_json() for sample in difference.removed],
        "changed": [
            {"query": c.query, "before": [s.to_json() for s in c.before], "after": [s.to_json() for s in c.after]}
            for c in difference.changed
        ],
        "same": difference.same,
    }


def show_what_openai_lacks(report: "SamplesExport") -> None:
    """Say what became of what OpenAI's format has no place for."""
    console.say(
        f"answered in words: {report.negatives}; calls without an argument that is missing: {report.incomplete}; "
        f"without the user's own words for a value: {report.worded}"
    )


def _answer(sample: "Sample") -> str:
    said = f"  said {json.dumps(sample.said, ensure_ascii=False)}" if sample.said else ""
    return console.show_calls(sample.calls) + said


def _about(sample: "Sample") -> str:
    return ", ".join(part for part in (sample.id, sample.kind, sample.split, sample.teacher) if part)


def _line(query: str) -> str:
    return " ".join(query.split())
