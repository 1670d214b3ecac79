"""`octo synth --teacher`: have an LLM write the words for planned calls, until every cell of the plan is full.

Work goes in rounds: what a cell still lacks is planned, cut into tasks, asked for, read and counted; what does not hold
is asked for anew with the reason. The next round hangs on what the replies before it gave and on nothing else, and
every reply is kept before it is read. So a killed run, started again, goes through the same rounds and asks only what
was never answered, and the same replies give the same bytes.

What `verify` rejected since is replaced in rounds behind those. Their replies are read in the order in which they came,
and say which rows they are about.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from octocli.core.config import SynthSettings, TeacherSettings, override
from octocli.core.errors import BadInput
from octocli.core.project import Project
from octocli.core.samples import Appender, Sample, read_lines
from octocli.core.splits import normal
from octocli.stages.billing import Costs
from octocli.stages.cell_tasks import MENDS, ROUNDS, Filling, fillings, look_alikes
from octocli.stages.checks import first_reason
from octocli.stages.progress import OnTick, Tick, silent
from octocli.stages.shards import Shard, begin_shard, take_replies
from octocli.stages.sitting import Sitting, sitting
from octocli.stages.synthesize import plan, stored_samples
from octocli.teachers.asking import Answer
from octocli.teachers.bill import Tally
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.completions import Reply, Request
from octocli.teachers.prompting import Unusable
from octocli.teachers.replies import Kept, request_hash
from octocli.teachers.wording import NEGATIVE_KINDS, Task, mends_of, read_reply, request_of

# Reasons that other words may mend; what breaks the spec or doubles another row is replaced.
_MENDABLE = ("grounding", "opinion")


@dataclass(frozen=True)
class AskReport:
    """What the teacher gave.

    Attributes:
        added: rows written in this sitting.
        by_cell: sound rows by cell.
        short: rows that a cell still lacks.
        rejected: rows that do not hold, by the check that said so; they are kept in the store with all others.
        failed: requests without a reply, by reason; the same command asks them again.
        unusable: replies of which nothing could be taken, by reason.
        tally: the bill of this sitting.
        budget_spent: whether the budget ended it.
        costs: the bill of all sittings, function by function.
    """

    added: int
    by_cell: dict[str, int]
    short: dict[str, int]
    rejected: dict[str, int]
    failed: dict[str, int]
    unusable: dict[str, int]
    tally: Tally
    budget_spent: bool
    costs: Costs


def ask_teacher(
    project: Project,
    *,
    per_function: int | None = None,
    negatives: float | None = None,
    teacher: TeacherSettings | None = None,
    budget: float | None = None,
    shard: Shard | None = None,
    on_tick: OnTick = silent,
) -> AskReport:
    """Fill the plan's cells with what the teacher writes; with a shard, its cells alone, in its own folder.

    `budget` is in US dollars, of all sittings together (a shard's are its own), and never passed.

    Raises:
        BadInput: the teacher cannot be opened, or has no price and there is a budget; what a shard made does not
            belong to this project.
        Fatal: the teacher will not serve anything like this.
    """
    settings = override(project.config.synth, {"per_function": per_function, "negatives": negatives})
    who = teacher or project.config.teacher
    if shard:
        project = begin_shard(project, shard)
    else:
        take_replies(project)
    with sitting(project, who, budget) as opened, Appender(project.samples_file) as out:
        writing = _Writing(project, opened, settings, shard, on_tick)
        writing.fill(out)
        if not shard:  # what `verify` rejected is known where the shards come together
            writing.replace_rejected(out, ask=who.name != "replay")
    return writing.report(opened.costs)


@dataclass
class _Counts:
    """What became of rows and requests."""

    added: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    budget_spent: bool = False


class _Writing:
    """One run of the command."""

    def __init__(
        self, project: Project, opened: Sitting, settings: SynthSettings, shard: Shard | None, on_tick: OnTick
    ) -> None:
        self._project, self._on_tick = project, on_tick
        self._asking, self._replies = opened.asking, opened.replies
        self._teacher = opened.asking.completer.model
        cells = plan(project.spec, settings, tuple(NEGATIVE_KINDS))
        self._cells = fillings(shard.of(cells) if shard else cells, project.spec, settings, project.config.seed)
        self._language = language_of(settings.language)
        self._look_alikes = look_alikes(project.spec, settings)
        self._counts = _Counts()
        stored = list(stored_samples(project))
        mine = [s for s in stored if s.teacher == self._teacher]
        self._written = {s.id for s in mine}
        self._texts = {normal(s.query) for s in stored} - {normal(s.query) for s in mine}
        self._stored = {s.id for s in stored}
        self._rows: dict[str, Sample] = {}
        self._read_already: set[str] = set()

    def fill(self, out: Appender) -> None:
        """Write the spec's own examples, and go through the rounds of the plan."""
        for filling in self._cells.values():
            for example in filling.examples:
                self._write_example(filling, example, out)
        for _ in range(ROUNDS):
            tasks = [task for filling in self._cells.values() for task in filling.next_tasks()]
            if not tasks or not self._round(tasks, out):
                break
        for filling in self._cells.values():
            filling.failed.clear()

    def replace_rejected(self, out: Appender, *, ask: bool) -> None:
        """Read what was asked for behind the rounds, and ask for what `verify` rejected since."""
        mended = self._read_on(out)
        if not ask or self._counts.budget_spent:
            return
        spoilt = self._take_back(_rejected(self._project), mended)
        for _ in range(ROUNDS):
            tasks = [task for filling in spoilt for task in filling.next_tasks()]
            if not tasks or not self._ask_for(tasks):
                return
            self._read_on(out)

    def _read_on(self, out: Appender) -> set[str | None]:
        """Read the replies that no round asked for, in the order in which they came; the rows that were worded anew."""
        mended: set[str | None] = set()
        for kept in self._replies.in_order():
            task = None if kept.asked in self._read_already else self._task_of(kept)
            if task is not None:
                self._read_already.add(kept.asked)
                self._read(task, kept.reply, out)
                mended.update(kept.about)
        return mended

    def _ask_for(self, tasks: Sequence[Task]) -> bool:
        """Have the replies to these tasks kept; False where the budget ended."""
        done = 0
        with closing(self._asking.ask_all([(task, self._request(task)) for task in tasks])) as answers:
            for answer in answers:
                done += 1
                self._take(answer)
                self._on_tick(Tick("synth", self._filled(), self._wanted(), self._bill()))
        self._counts.budget_spent = done < len(tasks)
        return not self._counts.budget_spent

    def _take_back(self, rejected: Mapping[str, str], mended: set[str | None]) -> list[Filling]:
        """Count rejected rows out of their cells; returns the cells that lost some."""
        spoilt = []
        for filling in self._cells.values():
            filling.failed = [pair for pair in filling.failed if pair[0].id not in mended]
            lost = [row for row in filling.sound if row in rejected]
            for row in lost:
                del filling.sound[row]
                if row not in mended:
                    self._mind(filling, self._rows[row], rejected[row])
            spoilt += [filling] if lost else []
        return spoilt

    def _mind(self, filling: Filling, sample: Sample, reason: str) -> None:
        """Have a row worded anew, where that may help."""
        what, _, why = reason.partition(": ")
        if what in _MENDABLE and mends_of(sample) < MENDS:
            filling.failed.append((sample, why))

    def _task_of(self, kept: Kept) -> Task | None:
        """The task behind a reply of another sitting; None where it is none of this plan."""
        name, _, number = kept.task.rpartition("/")
        filling = self._cells.get(name.removesuffix("/mend"))
        if filling is None:
            return None
        if kept.about:
            rows = [self._rows[row] for row in kept.about if row in self._rows]
            return filling.mend([(row, "") for row in rows], int(number)) if len(rows) == len(kept.about) else None
        task = filling.task(int(number))
        if task is None or request_hash(self._replies.model, self._request(task)) != kept.asked:
            return None
        filling.pass_over(int(number))
        return task

    def _request(self, task: Task) -> Request:
        return request_of(task, self._project.spec, self._project.config.seed, self._look_alikes, self._language.name)

    def _round(self, tasks: Sequence[Task], out: Appender) -> bool:
        """Ask for the tasks' words and write what comes, in the order of the tasks; False where the budget ended."""
        requests = [self._request(task) for task in tasks]
        self._read_already.update(request_hash(self._replies.model, request) for request in requests)
        known: dict[int, Reply | None] = {
            index: reply for index, request in enumerate(requests) if (reply := self._replies.of(request)) is not None
        }
        missing = [(index, request) for index, request in enumerate(requests) if index not in known]
        due = 0
        # Closed before the files are: a Ctrl-C in here still lets the replies on their way be kept.
        with closing(self._asking.ask_all(missing)) as answers:
            for answer in itertools.chain([None], answers):
                if answer is not None:
                    known[answer.key] = self._take(answer)
                while due in known:
                    reply = known.pop(due)
                    if reply is not None:
                        self._read(tasks[due], reply, out)
                    due += 1
                self._on_tick(Tick("synth", self._filled(), self._wanted(), self._bill()))
        # Where the budget ends, what came behind the first gap is kept for the next sitting and not read in this one.
        self._counts.budget_spent = due < len(tasks)
        return not self._counts.budget_spent

    def _take(self, answer: Answer[Any]) -> Reply | None:
        if answer.reply is None:
            self._counts.failed[answer.failure] += 1
        return answer.reply

    def _read(self, task: Task, reply: Reply, out: Appender) -> None:
        try:
            samples = read_reply(task, reply, self._project.spec)
        except Unusable as error:
            self._counts.unusable[str(error)] += 1
            return
        for sample in samples:
            text = normal(sample.query)
            if text in self._texts:
                self._counts.rejected["duplicate"] += 1
                continue
            self._texts.add(text)
            self._write(task, sample, out)

    def _write(self, task: Task, sample: Sample, out: Appender) -> None:
        sample = replace(sample, teacher=self._teacher, extra={"cell": task.cell, "task": task.key, **sample.extra})
        self._rows[sample.id] = sample
        if sample.id not in self._written:
            out.write(sample.to_json())
            self._counts.added += 1
        reason = first_reason(sample, self._project.spec, self._project.tokens, self._language)
        filling = self._cells[task.cell]
        if reason:
            self._counts.rejected[reason.split(":")[0]] += 1
            self._mind(filling, sample, reason)
        else:
            filling.sound[sample.id] = None

    def _write_example(self, filling: Filling, example: Sample, out: Appender) -> None:
        self._rows[example.id] = example
        self._texts.add(normal(example.query))
        if example.id not in self._stored:
            out.write(replace(example, extra={"cell": filling.cell.name}).to_json())
            self._counts.added += 1

    def report(self, costs: Costs) -> AskReport:
        """What there is now."""
        cells, counts = self._cells.values(), self._counts
        return AskReport(
            added=counts.added,
            by_cell={f.cell.name: len(f.sound) for f in cells},
            short={f.cell.name: f.lacking for f in cells if f.lacking},
            rejected=dict(counts.rejected),
            failed=dict(counts.failed),
            unusable=dict(counts.unusable),
            tally=self._asking.bill.tally,
            budget_spent=counts.budget_spent,
            costs=costs,
        )

    def _filled(self) -> int:
        return sum(f.cell.wanted - f.lacking for f in self._cells.values())

    def _wanted(self) -> int:
        return sum(f.cell.wanted for f in self._cells.values())

    def _bill(self) -> str:
        bill = self._asking.bill
        budget = "" if bill.budget is None else f" of {bill.budget:.2f}"
        return f"{bill.tally.replies} replies, {bill.before + bill.tally.spent:.4f} USD so far{budget}"


def _rejected(project: Project) -> dict[str, str]:
    """Reasons by id of what the last verification rejected."""
    if not (project.rejected_file.exists() and project.accepted_file.exists()):
        return {}
    reasons = {str(line["id"]): str(line["reason"]) for line in _lines_with(project.rejected_file, "id", "reason")}
    # A row that came twice is there all the same.
    for line in _lines_with(project.accepted_file, "id"):
        reasons.pop(str(line["id"]), None)
    return reasons


def _lines_with(path: Path, *fields: str) -> Iterator[Mapping[str, Any]]:
    for number, line in read_lines(path, growing=True):
        if not isinstance(line, dict) or any(field not in line for field in fields):
            raise BadInput(f"{path}:{number}: not a row as octo writes it", hint="make it anew with: octo verify")
        yield line
