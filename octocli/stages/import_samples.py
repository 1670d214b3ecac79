"""`octo import`: take a team's own samples into the project's store, each checked against the spec."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.fine_tuning_format import FineTuningFormat, is_conversation
from octocli.core.project import Project
from octocli.core.samples import Appender, Sample, Split, parse_sample, read_lines, read_samples, repair_tail
from octocli.core.spec import Spec
from octocli.core.validation import calls_faults

TEACHER = "import"


@dataclass(frozen=True)
class Refusal:
    """A line, or a part of one, that octo cannot hold as a sample; there is nothing in it to mend."""

    line: int
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What came in and what did not.

    Attributes:
        added: new rows.
        known: rows that were there already.
        over_limit: rows over the limit a function.
        by_function: rows taken, by first function.
        conversations: how many of the rows were in OpenAI's fine-tuning format.
        negatives: how many of those were answered in words, and so taken as *none*.
        incomplete: how many of those lack a required argument, and so say that it is missing.
        refused: what of the conversations was not taken, by line.
    """

    added: int
    known: int
    over_limit: int
    by_function: dict[str, int]
    conversations: int = 0
    negatives: int = 0
    incomplete: int = 0
    refused: tuple[Refusal, ...] = ()


def import_samples(
    project: Project, file: Path, *, per_function: int | None = None, split: Split | None = None
) -> ImportReport:
    """Add the rows of `file`, in file order, at most `per_function` for each first function.

    Args:
        project: where they go.
        file: JSONL of samples, or of conversations in OpenAI's fine-tuning format.
        per_function: most rows a function; all when None.
        split: the side that they all go to; by default their own, or one by the hash of the query.

    Raises:
        BadInput: a row does not obey the spec; the message has its line number.
    """
    read = _read(file, project.spec)
    repair_tail(project.samples_file)
    known = {s.id for s in read_samples(project.samples_file)} if project.samples_file.exists() else set()
    counts: Counter[str] = Counter()
    added = doubles = over = 0
    with Appender(project.samples_file) as out:
        for sample in read.samples:
            function = sample.calls[0]["name"] if sample.calls else "none"
            counts[function] += 1
            if per_function is not None and counts[function] > per_function:
                over += 1
            elif sample.id in known:
                doubles += 1
            else:
                known.add(sample.id)
                out.write(_ours(sample, split).to_json())
                added += 1
    taken = {f: min(n, per_function) if per_function is not None else n for f, n in counts.items()}
    talks = read.conversations
    return ImportReport(
        added, doubles, over, taken,
        conversations=len(talks),
        negatives=sum(not sample.calls for sample in talks),
        incomplete=sum(_lacks(sample.calls) for sample in talks),
        refused=tuple(read.refused),
    )  # fmt: skip


@dataclass(frozen=True)
class _Read:
    samples: list[Sample]
    conversations: list[Sample]
    refused: list[Refusal]


def _read(file: Path, spec: Spec) -> _Read:
    """Every row of the file, each in the format that it is in; the first fault ends it."""
    read = _Read([], [], [])
    format_ = FineTuningFormat(spec)
    for number, data in read_lines(file):
        where = f"{file}:{number}"
        if is_conversation(data):
            reading = format_.read(data, where)
            read.refused.extend(Refusal(number, reason) for reason in reading.refused)
            sample = reading.sample
            read.conversations.extend([sample] if sample else [])
        else:
            sample = parse_sample(data, where)
        if sample:
            _check(sample, spec, where)
            read.samples.append(sample)
    if not read.samples:
        first = next((f", line {r.line}: {r.reason}" for r in read.refused), "")
        raise BadInput(f"{file}: no samples in it{first}", hint='write one {"query": "...", "calls": [...]} a line')
    return read


def _check(sample: Sample, spec: Spec, where: str) -> None:
    faults = calls_faults(sample.calls, spec)
    if faults:
        raise BadInput(f"{where}: {faults[0]}", hint="mend the row or the spec; nothing was imported")


def _lacks(calls: Sequence[Any]) -> bool:
    return any("missing" in call for call in _with_nested(calls))


def _with_nested(calls: Sequence[Any]) -> Iterator[Any]:
    for call in calls:
        yield call
        yield from _with_nested([v for v in call["arguments"].values() if isinstance(v, dict) and "arguments" in v])


def _ours(sample: Sample, split: Split | None) -> Sample:
    # The synth stage's own marks: another project's would fill this one's plan and stand on its bill.
    extra = {k: v for k, v in sample.extra.items() if k not in ("cell", "draw", "task", "mends")}
    return replace(sample, teacher=TEACHER, split=split or sample.split, extra=extra)
