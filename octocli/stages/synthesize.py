"""`octo synth`: have the teacher write samples until every cell of the plan is full. Resumes where it stopped.

Each cell (a function or a kind of negative, on one side of the split) draws from a stream of its own that depends on
the seed alone. A line records which draw it was, so a killed run goes on with the next one and ends byte for byte as
if it had never stopped; draws that a shard made on another machine are taken in their turn, with the same end. Rows
that `verify` rejected do not count: running synth again regenerates them.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from octocli.core.config import SynthSettings, override
from octocli.core.project import Project
from octocli.core.samples import (
    SPLITS,
    Appender,
    Sample,
    Split,
    parse_sample,
    read_lines,
    read_whole_lines,
    repair_tail,
)
from octocli.core.spec import Function, Spec
from octocli.core.splits import normal
from octocli.stages.progress import OnTick, Tick, silent
from octocli.stages.shards import Shard, begin_shard, made_by_shards
from octocli.teachers.base import Teacher
from octocli.teachers.builtin import BuiltinTeacher

# A cell gives up after this many draws in a row that brought nothing new: its function has few things to say.
_PATIENCE = 400


@dataclass(frozen=True)
class Cell:
    """One box of the plan: who it is about, what kind of rows on which side, and how many it wants.

    `subject` is a function, or None for negatives; `kinds` are the kinds of sample that count.
    """

    subject: str | None
    kinds: tuple[str, ...]
    split: Split
    wanted: int

    @property
    def name(self) -> str:
        """The name that its rows carry."""
        return f"{self.subject or 'none'}/{self.kinds[0]}/{self.split}"


@dataclass(frozen=True)
class SynthReport:
    """What synth added, what is there now, and which cells ran dry."""

    added: int
    total: int
    by_cell: dict[str, int]
    short: dict[str, int]


def plan(spec: Spec, settings: SynthSettings, negative_kinds: tuple[str, ...]) -> list[Cell]:
    """The cells to fill: every function and every kind of negative, for training, validation and test."""
    held_out = settings.held_out_per_function
    wanted: dict[Split, int] = {"train": settings.per_function, "validation": max(1, held_out // 2), "test": held_out}
    cells = []
    for split in SPLITS:
        cells += [Cell(f.name, ("positive", "example"), split, wanted[split]) for f in spec.functions]
        for kind, share in (
            ("parallel", settings.parallel),
            ("missing", settings.missing),
            ("nested", settings.nested),
        ):
            count = round(share * wanted[split])
            cells += [Cell(f.name, (kind,), split, count) for f in spec.functions if count and _can_have(kind, f, spec)]
        negatives = round(settings.negatives * wanted[split] * len(spec.functions))
        for index, kind in enumerate(negative_kinds):
            share = negatives // len(negative_kinds) + (index < negatives % len(negative_kinds))
            cells.append(Cell(None, (kind,), split, share))
    return cells


def _can_have(kind: str, function: Function, spec: Spec) -> bool:
    """Whether requests of this kind exist for the function."""
    if kind == "missing":
        return any(p.required for p in function.params)
    return kind != "nested" or any(f is not function for p in function.params for f in spec.fillers(p))


def synthesize(
    project: Project,
    *,
    per_function: int | None = None,
    negatives: float | None = None,
    shard: Shard | None = None,
    on_tick: OnTick = silent,
) -> SynthReport:
    """Fill the plan's cells with the built-in teacher's samples; with a shard, its cells alone, in its own folder.

    Raises:
        BadInput: what a shard made does not belong to this project.
    """
    settings = override(project.config.synth, {"per_function": per_function, "negatives": negatives})
    teacher = BuiltinTeacher(project.spec, project.config.seed, settings.language)
    cells = [c for c in plan(project.spec, settings, teacher.negative_kinds) if _can_write(teacher, c, project.spec)]
    made = {} if shard else made_by_shards(project)
    if shard:
        project, cells = begin_shard(project, shard), shard.of(cells)
    repair_tail(project.samples_file)
    store = _Store(project)
    total, added = sum(c.wanted for c in cells), 0
    filled = sum(min(store.count[c.name], c.wanted) for c in cells)
    with Appender(project.samples_file) as out:
        for cell in cells:
            for sample in _fill(cell, _draws(cell, teacher, project.spec, made.get(cell.name, {})), store):
                out.write(sample.to_json())
                added, filled = added + 1, filled + 1
                on_tick(Tick("synth", filled, total, cell.name))
    short = {c.name: c.wanted - store.count[c.name] for c in cells if store.count[c.name] < c.wanted}
    return SynthReport(added, len(store.ids), {c.name: store.count[c.name] for c in cells}, short)


def _can_write(teacher: Teacher, cell: Cell, spec: Spec) -> bool:
    return cell.subject is None or teacher.can_write(cell.kinds[0], spec.by_name[cell.subject])


class _Store:
    """What the samples file holds already: texts, rows by cell, and how far each stream was drawn."""

    def __init__(self, project: Project) -> None:
        self.texts: set[str] = set()
        self.ids: set[str] = set()
        self.count: Counter[str] = Counter()
        self.drawn: Counter[str] = Counter()
        rejected = _ids(project.rejected_file) if project.rejected_file.exists() else set()
        for sample in stored_samples(project):
            self.add(sample, counts=sample.id not in rejected)

    def add(self, sample: Sample, *, counts: bool = True) -> None:
        self.texts.add(normal(sample.query))
        self.ids.add(sample.id)
        cell = str(sample.extra.get("cell", ""))
        self.count[cell] += counts
        self.drawn[cell] = max(self.drawn[cell], int(sample.extra.get("draw", -1)) + 1)


def stored_samples(project: Project) -> Iterator[Sample]:
    """Every row of the project's store; a shard's own come after those that it found."""
    for path in dict.fromkeys((project.whole.samples_file, project.samples_file)):
        for number, line in read_whole_lines(path):
            yield parse_sample(line, f"{path}:{number}")


def _ids(path: object) -> set[str]:
    from pathlib import Path

    return {str(data.get("id")) for _, data in read_lines(Path(str(path))) if isinstance(data, dict)}


def _fill(cell: Cell, draws: Iterator[tuple[int, Sample | None]], store: _Store) -> Iterator[Sample]:
    """Yield new samples of one cell until it is full or has nothing new to give."""
    idle = 0
    skip = store.drawn[cell.name]
    for draw, sample in draws:
        if store.count[cell.name] >= cell.wanted or idle >= _PATIENCE:
            return
        if draw < skip:
            continue
        idle += 1
        if sample is None or sample.kind not in cell.kinds:
            continue
        if normal(sample.query) not in store.texts:
            idle = 0
            sample = replace(sample, extra={**sample.extra, "cell": cell.name, "draw": draw})
            store.add(sample)
            yield sample


def _draws(cell: Cell, teacher: Teacher, spec: Spec, made: Mapping[int, Sample]) -> Iterator[tuple[int, Sample | None]]:
    """The cell's stream by number. From the first to the last that a shard made, what it passed over is None."""
    first, end = min(made, default=0), max(made, default=-1) + 1
    yield from itertools.islice(enumerate(_stream(cell, teacher, spec)), first)
    yield from ((draw, made.get(draw)) for draw in range(first, end))
    yield from itertools.islice(enumerate(_stream(cell, teacher, spec)), end, None)


def _stream(cell: Cell, teacher: Teacher, spec: Spec) -> Iterator[Sample]:
    if cell.subject is None:
        stream = teacher.negatives(cell.kinds[0], cell.split)
    else:
        stream = teacher.positives(spec.by_name[cell.subject], cell.split)
    return (replace(sample, teacher=teacher.name) for sample in stream)
