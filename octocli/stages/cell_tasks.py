"""What is asked of an LLM for one cell of the plan: its planned calls and its rejected rows, cut into tasks.

The tasks of a cell are one row of numbered requests that hang on the cell and the seed alone: a stage decides how many
of them it needs, and never what stands in them. Rejected rows come between them, each with its reason.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from octocli.core.calls import dump_value
from octocli.core.config import SynthSettings
from octocli.core.samples import Sample
from octocli.core.spec import Spec
from octocli.core.spec_review.likeness import Likeness
from octocli.stages.review import word_book
from octocli.stages.synthesize import Cell
from octocli.teachers.builtin import BuiltinTeacher
from octocli.teachers.wording import PLANNED, WORDINGS, LookAlikes, Task

# A cell that was asked for four times over asks for words that this teacher does not find.
ROUNDS = 4
# A row is worded anew so often; then its cell takes other calls.
MENDS = 2
# Of some functions there is no request of a kind, or only so many: a cell gives up after this many draws without one.
# The rarest kind is one draw in some hundred.
_PATIENCE = 1000
# Below this likeness (see core/spec_review/likeness.py) no listener takes one function for the other.
_CLOSE = 0.15


@dataclass
class Filling:
    """A cell on its way.

    Attributes:
        cell: the cell.
        stream: calls to plan; none where the teacher chooses them, or there are none.
        subject: the function that the teacher chooses arguments for, or nothing.
        examples: the spec's own, which no teacher has to write.
        sound: ids of the rows that hold, in the order in which they came.
        failed: rows that do not, with the reason, to be worded anew.
    """

    cell: Cell
    stream: Iterator[Sample]
    subject: str = ""
    examples: tuple[Sample, ...] = ()
    sound: dict[str, None] = field(default_factory=dict)
    failed: list[tuple[Sample, str]] = field(default_factory=list)
    _planned: list[Sample] = field(default_factory=list)
    _numbered: int = 0
    _mends: int = 0

    def __post_init__(self) -> None:
        self.sound.update(dict.fromkeys(example.id for example in self.examples))

    @property
    def lacking(self) -> int:
        """Rows that the cell still wants."""
        return max(0, self.cell.wanted - len(self.sound))

    def next_tasks(self) -> Iterator[Task]:
        """The tasks that would fill the cell if every line of their replies held."""
        lacking = self.lacking
        anew, self.failed = self.failed[:lacking], self.failed[lacking:]
        for start in range(0, len(anew), PLANNED):
            yield self._mend(anew[start : start + PLANNED])
        for _ in range(math.ceil((lacking - len(anew)) / (PLANNED * WORDINGS))):
            if self._numbered >= ROUNDS * math.ceil(self.cell.wanted / (PLANNED * WORDINGS)):
                return
            task = self.task(self._numbered)
            if task is None:
                return
            self._numbered += 1
            yield task

    def task(self, number: int) -> Task | None:
        """The cell's task of that number; None where the calls to plan have run out."""
        cell = self.cell
        if cell.subject is None or self.subject:
            kind = cell.kinds[0]
            return Task(cell.name, cell.split, number, kind=kind, count=PLANNED * WORDINGS, subject=self.subject)
        missing = (number + 1) * PLANNED - len(self._planned)
        self._planned += itertools.islice(self.stream, max(0, missing))
        planned = tuple(self._planned[number * PLANNED : (number + 1) * PLANNED])
        return Task(cell.name, cell.split, number, planned) if planned else None

    def pass_over(self, number: int) -> None:
        """Note that the task of that number was asked for in another sitting."""
        self._numbered = max(self._numbered, number + 1)

    def mend(self, rows: Sequence[tuple[Sample, str]], number: int) -> Task:
        """The task that words these rows anew, under a number of its own."""
        self._mends = max(self._mends, number + 1)
        cell, mended = self.cell, tuple(rows)
        if cell.subject is None:
            return Task(cell.name, cell.split, number, kind=cell.kinds[0], count=len(rows), mended=mended)
        return Task(cell.name, cell.split, number, tuple(row for row, _ in rows), mended=mended)

    def _mend(self, rows: Sequence[tuple[Sample, str]]) -> Task:
        return self.mend(rows, self._mends)


def fillings(cells: Sequence[Cell], spec: Spec, settings: SynthSettings, seed: int) -> dict[str, Filling]:
    """The cells of a plan, none of them begun."""
    builtin = BuiltinTeacher(spec, seed, settings.language)
    query_first = settings.order == "query-first"
    return {
        cell.name: Filling(
            cell,
            iter(()) if query_first else _planned(builtin, cell),
            subject=(cell.subject or "") if query_first else "",
            examples=_examples(builtin, cell),
        )
        for cell in cells
    }


def _examples(builtin: BuiltinTeacher, cell: Cell) -> tuple[Sample, ...]:
    if cell.subject is None or cell.split != "train" or "example" not in cell.kinds:
        return ()
    return builtin.examples(builtin.spec.by_name[cell.subject])


def look_alikes(spec: Spec, settings: SynthSettings) -> LookAlikes:
    """For each function the one that is closest to it in a listener's ears, where one is close at all."""
    if not settings.look_alikes:
        return LookAlikes()
    nearest: dict[str, str] = {}
    pairs = sorted(Likeness(spec, word_book(settings.language)).pairs(_CLOSE), key=lambda pair: -pair[0])
    for _, one, other in pairs:
        nearest.setdefault(spec.functions[one].name, spec.functions[other].name)
        nearest.setdefault(spec.functions[other].name, spec.functions[one].name)
    return LookAlikes(settings.look_alikes, nearest)


def planned_values(tasks: Iterable[Task]) -> dict[str, dict[str, int]]:
    """How many distinct values the planned calls of these tasks hold, by function and parameter."""
    found: dict[str, dict[str, set[str]]] = {}
    for task in tasks:
        for call in (call for sample in task.planned for call in sample.calls):
            values = found.setdefault(str(call["name"]), {})
            for name, value in call["arguments"].items():
                values.setdefault(name, set()).add(dump_value(value))
    return {function: {name: len(every) for name, every in values.items()} for function, values in found.items()}


def _planned(builtin: BuiltinTeacher, cell: Cell) -> Iterator[Sample]:
    """The calls for a cell, each once; the spec's own examples stay the built-in teacher's."""
    if cell.subject is None:
        return
    seen: set[str] = set()
    idle = 0
    for sample in builtin.positives(builtin.spec.by_name[cell.subject], cell.split):
        if sample.kind in cell.kinds and sample.kind != "example" and sample.id not in seen:
            seen.add(sample.id)
            idle = 0
            yield sample
        elif (idle := idle + 1) >= _PATIENCE:  # the teacher's stream has no end, and nothing more of this kind
            return
