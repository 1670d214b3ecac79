"""`octo synth --teacher`: have an LLM write the words for planned calls, until every cell of the plan is full.

Work goes in rounds: what a cell still lacks is planned, cut into tasks, asked for, read and counted; what does not hold
is planned anew. The next round hangs on what the replies before it gave and on nothing else, and every reply is kept
before it is read. So a killed run, started again, goes through the same rounds and asks only what was never answered,
and the same replies give the same bytes.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from octocli.core.config import SynthSettings, TeacherSettings, override
from octocli.core.project import Project
from octocli.core.samples import Appender, Sample
from octocli.core.splits import normal
from octocli.stages.billing import Costs, cost_of, costs_of, entries_of, keep_costs
from octocli.stages.checks import first_reason
from octocli.stages.progress import OnTick, Tick, silent
from octocli.stages.shards import Shard, begin_shard, take_replies
from octocli.stages.synthesize import Cell, plan, stored_samples
from octocli.teachers.asking import Answer, Asking, Manners
from octocli.teachers.bill import Bill, Tally
from octocli.teachers.builtin import BuiltinTeacher
from octocli.teachers.completions import Reply
from octocli.teachers.ledger import Ledger
from octocli.teachers.opening import completer_name, open_completer
from octocli.teachers.prices import FREE, Price, Quote, needed_quote, quote_of
from octocli.teachers.replies import Replies, read_replies, request_hash
from octocli.teachers.wording import NEGATIVE_KINDS, PLANNED, WORDINGS, Task, Unusable, read_reply, request_of

# A cell that four rounds did not fill asks for words that this teacher does not find.
_ROUNDS = 4
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
    price = _price(who, project, needed=budget is not None)
    replies = Replies(project.replies_file, completer_name(who), _found(project))
    with closing(replies):
        completer = open_completer(who, replies)
        ledger = Ledger(project.ledger_file, completer.model, price)
        with closing(ledger), Appender(project.samples_file) as out:
            before = cost_of(entries_of(project, completer.model, price))
            bill = Bill(price or FREE, budget, before.most, ledger)
            asking = Asking(completer, bill, Manners(at_once=who.at_once, per_minute=who.per_minute), replies.keep)
            sitting = _Sitting(project, asking, replies, settings, shard, on_tick)
            try:
                for _ in range(_ROUNDS):
                    tasks = sitting.tasks()
                    if not tasks or not sitting.round(tasks, out):
                        break
            finally:
                costs = costs_of(project, entries_of(project, completer.model, price))
                keep_costs(project, costs)
    return sitting.report(costs)


def _price(who: TeacherSettings, project: Project, *, needed: bool) -> Price | None:
    quote = needed_quote(who, project.prices_file) if needed else quote_of(who, project.prices_file)
    return quote.price if quote else None


def _found(project: Project) -> list[Path]:
    """The replies that a shard finds in the project."""
    return [project.whole.replies_file] if project.shard else []


@dataclass
class _Filling:
    """A cell on its way: what is planned for it next, how many tasks it had, how many sound rows."""

    cell: Cell
    planned: Iterator[Sample]
    tasks: int = 0
    sound: int = 0

    def next_tasks(self) -> Iterator[Task]:
        """The tasks that would fill the cell if every line of their replies held."""
        lacking = self.cell.wanted - self.sound
        for _ in range(math.ceil(lacking / (PLANNED * WORDINGS))):
            if self.cell.subject is None:
                yield self._task(kind=self.cell.kinds[0], count=PLANNED * WORDINGS)
            elif planned := tuple(itertools.islice(self.planned, PLANNED)):
                yield self._task(planned=planned)

    def _task(self, *, planned: tuple[Sample, ...] = (), kind: str = "", count: int = 0) -> Task:
        self.tasks += 1
        return Task(self.cell.name, self.cell.split, self.tasks - 1, planned, kind, count)


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
        self,
        project: Project,
        asking: Asking,
        replies: Replies,
        settings: SynthSettings,
        shard: Shard | None,
        on_tick: OnTick,
    ) -> None:
        self._project, self._asking, self._replies, self._on_tick = project, asking, replies, on_tick
        self._teacher = asking.completer.model
        builtin = BuiltinTeacher(project.spec, project.config.seed)
        cells = plan(project.spec, settings, tuple(NEGATIVE_KINDS))
        self._cells = {
            cell.name: _Filling(cell, _planned(builtin, cell, project))
            for cell in (shard.of(cells) if shard else cells)
        }
        self._counts = _Counts()
        stored = list(stored_samples(project))
        mine = [s for s in stored if s.teacher == self._teacher]
        self._written = {s.id for s in mine}
        self._texts = {normal(s.query) for s in stored} - {normal(s.query) for s in mine}

    def tasks(self) -> list[Task]:
        """What all cells still lack."""
        return [task for filling in self._cells.values() for task in filling.next_tasks()]

    def round(self, tasks: Sequence[Task], out: Appender) -> bool:
        """Ask for the tasks' words and write what comes, in the order of the tasks; False where the budget ended."""
        requests = [request_of(task, self._project.spec, self._project.config.seed) for task in tasks]
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

    def _take(self, answer: Answer[int]) -> Reply | None:
        if answer.reply is None:
            self._counts.failed[answer.failure] += 1
        return answer.reply

    def _read(self, task: Task, reply: Reply, out: Appender) -> None:
        try:
            samples = read_reply(task, reply)
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
        sample = replace(sample, teacher=self._teacher, extra={"cell": task.cell, "task": task.key})
        if sample.id not in self._written:
            out.write(sample.to_json())
            self._counts.added += 1
        reason = first_reason(sample, self._project.spec, self._project.tokens)
        if reason:
            self._counts.rejected[reason.split(":")[0]] += 1
        else:
            self._cells[task.cell].sound += 1

    def report(self, costs: Costs) -> AskReport:
        """What there is now."""
        cells, counts = self._cells.values(), self._counts
        return AskReport(
            added=counts.added,
            by_cell={f.cell.name: f.sound for f in cells},
            short={f.cell.name: f.cell.wanted - f.sound for f in cells if f.sound < f.cell.wanted},
            rejected=dict(counts.rejected),
            failed=dict(counts.failed),
            unusable=dict(counts.unusable),
            tally=self._asking.bill.tally,
            budget_spent=counts.budget_spent,
            costs=costs,
        )

    def _filled(self) -> int:
        return sum(min(f.sound, f.cell.wanted) for f in self._cells.values())

    def _wanted(self) -> int:
        return sum(f.cell.wanted for f in self._cells.values())

    def _bill(self) -> str:
        bill = self._asking.bill
        budget = "" if bill.budget is None else f" of {bill.budget:.2f}"
        return f"{bill.tally.replies} replies, {bill.before + bill.tally.spent:.4f} USD so far{budget}"


def _planned(builtin: BuiltinTeacher, cell: Cell, project: Project) -> Iterator[Sample]:
    """The calls for a cell, each once; the spec's own examples stay the built-in teacher's."""
    if cell.subject is None:
        return
    seen = set()
    for sample in builtin.positives(project.spec.by_name[cell.subject], cell.split):
        if sample.kind in cell.kinds and sample.kind != "example" and sample.id not in seen:
            seen.add(sample.id)
            yield sample


@dataclass(frozen=True)
class Estimate:
    """What the first round would ask for, and what that costs if every line holds; US dollars, None without prices.

    `quote` is the price with its day and its source, `costs` the bill so far.
    """

    by_cell: dict[str, int]
    requests: int
    known: int
    tokens_in: int
    tokens_out: int
    cost: float | None
    most: float | None
    quote: Quote | None
    costs: Costs


def estimate(
    project: Project,
    *,
    per_function: int | None = None,
    negatives: float | None = None,
    teacher: TeacherSettings | None = None,
    shard: Shard | None = None,
) -> Estimate:
    """The plan and its first round, without asking anybody.

    Raises:
        BadInput: a price table cannot be read.
    """
    settings = override(project.config.synth, {"per_function": per_function, "negatives": negatives})
    who = teacher or project.config.teacher
    builtin = BuiltinTeacher(project.spec, project.config.seed)
    cells = plan(project.spec, settings, tuple(NEGATIVE_KINDS))
    if shard:
        project, cells = replace(project, shard=str(shard)), shard.of(cells)
    requests = [
        request_of(task, project.spec, project.config.seed)
        for cell in cells
        for task in _Filling(cell, _planned(builtin, cell, project)).next_tasks()
    ]
    answered = read_replies([project.whole.replies_file, *sorted(project.shards.glob("*/replies.jsonl"))])
    unasked = [request for request in requests if request_hash(completer_name(who), request) not in answered]
    tokens_in = sum(len(r.system) + len(r.prompt) for r in unasked) // _LETTERS_A_TOKEN
    tokens_out = len(unasked) * PLANNED * WORDINGS * _TOKENS_A_LINE
    quote = quote_of(who, project.prices_file)
    price = quote.price if quote else None
    return Estimate(
        by_cell={cell.name: cell.wanted for cell in cells},
        requests=len(unasked),
        known=len(requests) - len(unasked),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=price.of(tokens_in, tokens_out) if price else None,
        most=sum(price.at_most(request) for request in unasked) if price else None,
        quote=quote,
        costs=costs_of(project, entries_of(project, completer_name(who), price)),
    )
