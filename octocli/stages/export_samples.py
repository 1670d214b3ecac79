"""`octo data export`: samples as a file for others, in OpenAI's fine-tuning format or in octo's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from octocli.core.errors import BadInput
from octocli.core.fine_tuning_format import FineTuningFormat
from octocli.core.project import Project
from octocli.core.samples import dump_line, write_atomically
from octocli.core.validation import calls_faults
from octocli.stages.browse import Store
from octocli.stages.progress import OnTick, Tick, silent

DataFormat = Literal["openai", "octo"]
DATA_FORMATS: tuple[DataFormat, ...] = get_args(DataFormat)


@dataclass(frozen=True)
class SamplesExport:
    """What was written.

    Attributes:
        out: the file.
        rows: how many samples it holds.
        negatives: how many of them no function serves.
        incomplete: how many of their calls lack a required argument.
        worded: how many of them keep the user's words for a value, which only octo's own format holds.
    """

    out: Path
    rows: int
    negatives: int
    incomplete: int
    worded: int


def export_samples(
    project: Project, store: Store, out: Path, format: DataFormat, *, on_tick: OnTick = silent
) -> SamplesExport:
    """Write the samples of `store` to `out`, whole or not at all.

    Raises:
        BadInput: a sample breaks the spec, or `out` is a file that the project reads.
    """
    theirs = (project.samples_file, project.accepted_file, project.rejected_file, store.file)
    if out.is_dir() or any(out.exists() and file.exists() and out.samefile(file) for file in theirs):
        raise BadInput(f"{out}: cannot be written to", hint="choose another file")
    write_atomically(out, "".join(_lines(project, store, format, on_tick)))
    samples = store.samples
    return SamplesExport(
        out, len(samples),
        negatives=sum(not s.calls for s in samples),
        incomplete=sum(bool(call.get("missing")) for s in samples for call in s.calls),
        worded=sum(bool(s.said) for s in samples),
    )  # fmt: skip


def _lines(project: Project, store: Store, format: DataFormat, on_tick: OnTick) -> Iterator[str]:
    writer = FineTuningFormat(project.spec)
    parallel = any(len(sample.calls) > 1 for sample in store.samples)
    for index, sample in enumerate(store.samples):
        faults = [] if store.is_verified else calls_faults(sample.calls, project.spec)
        if faults:
            raise BadInput(f"{store.file}: sample {sample.id}: {faults[0]}", hint="octo verify takes out such rows")
        yield dump_line(sample.to_json() if format == "octo" else writer.write(sample, parallel=parallel))
        on_tick(Tick("export", index + 1, len(store.samples)))
