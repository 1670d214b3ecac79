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
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from octocli.core.config import SynthSettings, TeacherSettings, override
from octocli.core.project import Project
from octocli.core.samples import Appender, Sample, read_lines, read_samples, repair_tail
from octocli.core.splits import normal
from octocli.stages.cell_tasks import MENDS, ROUNDS, Filling, fillings, look_alikes, planned_values
from octocli.stages.checks import first_reason
from octocli.stages.progress import OnTick, Tick, silent
from octocli.stages.synthesize import has_rows, plan
from octocli.teachers.asking import Answer, Asking, Manners
from octocli.teachers.bill import FREE, Bill, Tally
from octocli.teachers.completions import Reply, Request
from octocli.teachers.opening import completer_name, open_completer, price_of
from octocli.teachers.prompting import Unusable
from octocli.teachers.replies import Kept, Replies, request_hash
from octocli.teachers.wording import NEGATIVE_KINDS, Task, mends_of, read_reply, request_of

# Reasons that other words may mend; what breaks the spec or doubles another row is replaced.
_MENDABLE = ("grounding", "opinion")
# Rules of thumb for English, for the estimate alone.
_LETTERS_A_TOKEN, _TOKENS_A_LINE = 4, 40


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
    """

    added: int
    by_cell: dict[str, int]
    short: dict[str, int]
    rejected: dict[str, int]
    failed: dict[str, int]
    unusable: dict[str, int]
    tally: Tally
    budget_spent: bool


def ask_teacher(
    project: Project,
    *,
    per_function: int | None = None,
    negatives: float | None = None,
    teacher: TeacherSettings | None = None,
    budget: float | None = None,
    on_tick: OnTick = silent,
) -> AskReport:
    """Fill the plan's cells with what the teacher writes; `budget` is of this call, in US dollars, and never passed.

    Raises:
        BadInput: the teacher cannot be opened, or has no price and there is a budget.
        Fatal: the teacher will not serve anything like this.
    """
    settings = override(project.config.synth, {"per_function": per_function, "negatives": negatives})
    who = teacher or project.config.teacher
    replies = Replies(project.replies_file, completer_name(who))
    manners = Manners(at_once=who.at_once, per_minute=who.per_minute)
    bill = Bill(price_of(who, needed=budget is not None), budget)
    asking = Asking(open_completer(who, replies), bill, manners)
    sitting = _Sitting(project, asking, replies, settings, on_tick)
    with closing(replies), Appender(project.samples_file) as out:
        sitting.fill(out)
        sitting.replace_rejected(out, ask=who.name != "replay")
    return sitting.report()


@dataclass
class _Counts:
    """What became of rows and requests."""

    added: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    budget_spent: bool = False


class _Sitting:
    """One run of the command."""

    def __init__(
        self, project: Project, asking: Asking, replies: Replies, settings: SynthSettings, on_tick: OnTick
    ) -> None:
        self._project, self._asking, self._replies, self._on_tick = project, asking, replies, on_tick
        self._teacher = asking.completer.model
        cells = plan(project.spec, settings, tuple(NEGATIVE_KINDS))
        self._cells = fillings(cells, project.spec, settings, project.config.seed)
        self._look_alikes = look_alikes(project.spec, settings)
        self._counts = _Counts()
        repair_tail(project.samples_file)
        stored = read_samples(project.samples_file) if has_rows(project) else []
        mine = [s for s in stored if s.teacher == self._teacher]
        self._written = {s.id for s in mine}
        self._texts = {normal(s.query) for s in stored} - {normal(s.query) for s in mine}
        self._rows: dict[str, Sample] = {}
        self._asked: set[str] = set()

    def fill(self, out: Appender) -> None:
        """Go through the rounds of the plan."""
        for _ in range(ROUNDS):
            tasks = [task for filling in self._cells.values() for task in filling.next_tasks()]
            if not tasks or not self._round(tasks, out, in_order=True):
                break
        for filling in self._cells.values():
            filling.failed.clear()

    def replace_rejected(self, out: Appender, *, ask: bool) -> None:
        """Read what was asked for behind the rounds, and ask for what `verify` rejected since."""
        mended: set[str | None] = set()
        for kept in self._replies.in_order:
            task = None if kept.asked in self._asked else self._task_of(kept)
            if task is not None:
                self._read(task, kept.reply, out)
                mended.update(kept.about)
        if not ask or self._counts.budget_spent:
            return
        spoilt = self._take_back(_rejected(self._project), mended)
        for _ in range(ROUNDS):
            tasks = [task for filling in spoilt for task in filling.next_tasks()]
            if not tasks or not self._round(tasks, out, in_order=False):
                break

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
        if filling is None or kept.model != self._replies.model:
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
        return request_of(task, self._project.spec, self._project.config.seed, self._look_alikes)

    def _round(self, tasks: Sequence[Task], out: Appender, *, in_order: bool) -> bool:
        """Ask for the tasks' words and write what comes; False where the budget ended.

        What is written in the order of the tasks is the same whatever came first. Where the budget ends, what came
        behind the first gap is then kept for the next sitting and not read in this one.
        """
        requests = [self._request(task) for task in tasks]
        self._asked.update(request_hash(self._replies.model, request) for request in requests)
        known: dict[int, Reply | None] = {
            index: reply for index, request in enumerate(requests) if (reply := self._replies.of(request)) is not None
        }
        missing = [(index, request) for index, request in enumerate(requests) if index not in known]
        due = 0
        for answer in itertools.chain([None], self._asking.ask_all(missing)):
            if answer is not None:
                known[answer.key] = self._take(answer, tasks[answer.key])
            for index in list(known) if not in_order else itertools.takewhile(known.__contains__, itertools.count(due)):
                reply = known.pop(index)
                if reply is not None:
                    self._read(tasks[index], reply, out)
                due += 1
            self._on_tick(Tick("synth", self._filled(), self._wanted(), self._bill()))
        self._counts.budget_spent = due < len(tasks)
        return not self._counts.budget_spent

    def _take(self, answer: Answer[int], task: Task) -> Reply | None:
        if answer.reply is None:
            self._counts.failed[answer.failure] += 1
            return None
        about = [row.id for row, _ in task.mended]
        self._replies.keep(answer.request, answer.reply, task.key, about)
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
        reason = first_reason(sample, self._project.spec, self._project.tokens)
        filling = self._cells[task.cell]
        if reason:
            self._counts.rejected[reason.split(":")[0]] += 1
            self._mind(filling, sample, reason)
        else:
            filling.sound[sample.id] = None

    def report(self) -> AskReport:
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
        )

    def _filled(self) -> int:
        return sum(f.cell.wanted - f.lacking for f in self._cells.values())

    def _wanted(self) -> int:
        return sum(f.cell.wanted for f in self._cells.values())

    def _bill(self) -> str:
        tally = self._asking.bill.tally
        return f"{tally.replies} replies, {tally.spent:.4f} USD"


def _rejected(project: Project) -> dict[str, str]:
    """Reasons by id of what the last verification rejected."""
    if not (project.rejected_file.exists() and project.accepted_file.exists()):
        return {}
    reasons = {str(line["id"]): str(line["reason"]) for _, line in read_lines(project.rejected_file)}
    # A row that came twice is there all the same.
    for _, line in read_lines(project.accepted_file):
        reasons.pop(str(line["id"]), None)
    return reasons


@dataclass(frozen=True)
class Estimate:
    """What the first round would ask for, and what that costs if every line holds; US dollars, None without prices.

    `values` counts the distinct values that are planned, by function and parameter.
    """

    by_cell: dict[str, int]
    values: dict[str, dict[str, int]]
    requests: int
    known: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    most: float | None


def estimate(
    project: Project,
    *,
    per_function: int | None = None,
    negatives: float | None = None,
    teacher: TeacherSettings | None = None,
) -> Estimate:
    """The plan and its first round, without asking anybody."""
    settings = override(project.config.synth, {"per_function": per_function, "negatives": negatives})
    who = teacher or project.config.teacher
    cells = plan(project.spec, settings, tuple(NEGATIVE_KINDS))
    begun = fillings(cells, project.spec, settings, project.config.seed)
    tasks = [task for filling in begun.values() for task in filling.next_tasks()]
    close = look_alikes(project.spec, settings)
    requests = [request_of(task, project.spec, project.config.seed, close) for task in tasks]
    unasked = requests
    if project.replies_file.exists():
        with closing(Replies(project.replies_file, completer_name(who))) as replies:
            unasked = [request for request in requests if replies.of(request) is None]
    tokens_in = sum(len(r.system) + len(r.prompt) for r in unasked) // _LETTERS_A_TOKEN
    tokens_out = sum(task.lines for task in tasks) * _TOKENS_A_LINE * len(unasked) // max(1, len(tasks))
    price = price_of(who, needed=False)
    priced = price != FREE or who.name in ("gguf", "replay")
    return Estimate(
        by_cell={cell.name: cell.wanted for cell in cells},
        values=planned_values(tasks),
        requests=len(unasked),
        known=len(requests) - len(unasked),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=price.of(tokens_in, tokens_out) if priced else None,
        most=sum(price.at_most(request) for request in unasked) if priced else None,
    )
