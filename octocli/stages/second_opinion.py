"""`octo verify --second-opinion`: have an LLM judge the rows that the checks let through; what it rejects is rejected.

A verdict is read from the judge's reply, which says which rows it is about: there is no other record of it, so a killed
run asks for none twice and every later verification knows it. A person's own rows are judged on demand alone, and no
verdict drops one.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from octocli.core.config import TeacherSettings
from octocli.core.errors import BadInput
from octocli.core.project import Project
from octocli.core.samples import Sample, read_samples
from octocli.stages.progress import OnTick, Tick, silent
from octocli.stages.sitting import sitting
from octocli.stages.verify import VerifyReport, is_own, verify
from octocli.teachers.asking import Asking
from octocli.teachers.bill import Tally
from octocli.teachers.judging import OPINION, Batch, Opinions, batches, read_opinions, request_of

# A row that two replies passed over stays without a verdict.
_TRIES = 2


@dataclass(frozen=True)
class OpinionReport:
    """What the judge said, in this sitting and before.

    Attributes:
        verification: what is accepted now.
        right: rows that were called right.
        wrong: rows that were called wrong and are rejected.
        doubted: a person's own rows that were called wrong and stay, with the reason.
        unjudged: accepted rows without a verdict; a person's own do not count unless they were to be judged.
        controls: rows with wrong calls that were put in to see whether the judge looks, and were judged.
        caught: those of them that it called wrong.
        failed: requests without a reply, by reason; the same command asks them again.
        tally: the bill of this sitting.
        budget_spent: whether the budget ended it.
    """

    verification: VerifyReport
    right: int
    wrong: int
    doubted: tuple[tuple[str, str], ...]
    unjudged: int
    controls: int
    caught: int
    failed: dict[str, int]
    tally: Tally
    budget_spent: bool


def second_opinion(
    project: Project,
    *,
    teacher: TeacherSettings | None = None,
    own_rows: bool = False,
    budget: float | None = None,
    on_tick: OnTick = silent,
) -> OpinionReport:
    """Verify, have every accepted row judged that was not yet, and verify again with what was said.

    Args:
        project: the project.
        teacher: the judge; the project's own teacher if none.
        own_rows: whether imported rows and the spec's examples are judged too.
        budget: US dollars, of all sittings together, never passed; that of octo.toml if none.
        on_tick: progress.

    Raises:
        BadInput: the judge cannot be opened, or has no price and there is a budget.
        Fatal: the judge will not serve anything like this.
    """
    who = teacher or project.config.teacher
    if who.name == "builtin":
        raise BadInput("the built-in teacher has no opinion of its own rows", hint="name another with --teacher")
    failed: Counter[str] = Counter()
    verification = verify(project, on_tick=on_tick)
    with sitting(project, who, budget) as opened:
        whole = True
        # Rows that double a rejected one come up in its place, and what a reply passed over is asked for once more.
        while whole and not failed and who.name != "replay" and (due := _due(project, own_rows)):
            whole = _ask(project, due, opened.asking, failed, on_tick)
            verification = verify(project, on_tick=on_tick)
    return _report(project, verification, own_rows, failed, opened.asking.bill.tally, not whole)


def is_judged(project: Project) -> bool:
    """Whether no accepted row waits for a verdict; a person's own are judged on demand alone."""
    return not _due(project, own_rows=False)


def _due(project: Project, own_rows: bool) -> list[Batch]:
    """What is still to be judged, rows of the first try before those of the second."""
    opinions = read_opinions(project.replies_file)
    rows = _without_verdict(project, opinions, own_rows)
    tries = [[row for row in rows if opinions.tries.get(row.id, 0) == number] for number in range(_TRIES)]
    return [batch for number, again in enumerate(tries) for batch in batches(again, project.config.seed, number)]


def _without_verdict(project: Project, opinions: Opinions, own_rows: bool) -> list[Sample]:
    rows = {row.id: row for row in read_samples(project.accepted_file)}.values()
    return [row for row in rows if row.id not in opinions.verdicts and (own_rows or not is_own(row))]


def _ask(project: Project, due: Sequence[Batch], asking: Asking, failed: Counter[str], on_tick: OnTick) -> bool:
    """Ask for the batches' verdicts; False where the budget ended."""
    requests = [(index, request_of(batch, project.spec)) for index, batch in enumerate(due)]
    done = 0
    with closing(asking.ask_all(requests)) as answers:
        for answer in answers:
            done += 1
            if answer.reply is None:
                failed[answer.failure] += 1
            bill = asking.bill
            told = f"{bill.tally.replies} replies, {bill.before + bill.tally.spent:.4f} USD so far"
            on_tick(Tick("opinion", done, len(due), told))
    return done == len(due)


def _report(
    project: Project,
    verification: VerifyReport,
    own_rows: bool,
    failed: Counter[str],
    tally: Tally,
    budget_spent: bool,
) -> OpinionReport:
    opinions = read_opinions(project.replies_file)
    verdicts = opinions.verdicts
    accepted = {row.id: row for row in read_samples(project.accepted_file)}
    judged = [(row, verdicts[row.id]) for row in accepted.values() if row.id in verdicts]
    return OpinionReport(
        verification=verification,
        right=sum(verdict.ok for _, verdict in judged),
        wrong=verification.reasons.get(OPINION, 0),
        doubted=tuple((row.query, verdict.reason) for row, verdict in judged if not verdict.ok),
        unjudged=len(_without_verdict(project, opinions, own_rows)),
        controls=opinions.controls,
        caught=opinions.caught,
        failed=dict(failed),
        tally=tally,
        budget_spent=budget_spent,
    )
