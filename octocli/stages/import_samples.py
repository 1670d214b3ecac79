"""`octo import`: take a team's own samples into the project's store, each checked against the spec."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from octocli.core.errors import BadInput
from octocli.core.project import Project
from octocli.core.samples import Appender, Sample, Split, read_samples
from octocli.core.validation import calls_faults

TEACHER = "import"


@dataclass(frozen=True)
class ImportReport:
    """How many rows came in, were there already, or were over the limit a function."""

    added: int
    known: int
    over_limit: int
    by_function: dict[str, int]


def import_samples(
    project: Project, file: Path, *, per_function: int | None = None, split: Split | None = None
) -> ImportReport:
    """Add the rows of `file`, in file order, at most `per_function` for each first function.

    Args:
        project: where they go.
        file: JSONL of samples.
        per_function: most rows a function; all when None.
        split: the side that they all go to; by default their own, or one by the hash of the query.

    Raises:
        BadInput: a row does not obey the spec; the message has its number.
    """
    samples = read_samples(file)
    for number, sample in enumerate(samples, 1):
        faults = calls_faults(sample.calls, project.spec)
        if faults:
            raise BadInput(
                f"{file}: sample {number}: {faults[0]}", hint="mend the row or the spec; nothing was imported"
            )
    known = {s.id for s in read_samples(project.samples_file)} if project.samples_file.exists() else set()
    counts: Counter[str] = Counter()
    added = doubles = over = 0
    with Appender(project.samples_file) as out:
        for sample in samples:
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
    return ImportReport(added, doubles, over, taken)


def _ours(sample: Sample, split: Split | None) -> Sample:
    # `cell` and `draw` are the synth stage's own marks; another project's would fill this one's plan.
    extra = {k: v for k, v in sample.extra.items() if k not in ("cell", "draw")}
    return replace(sample, teacher=TEACHER, split=split or sample.split, extra=extra)
