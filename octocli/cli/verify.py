"""`octo verify`: the door to `stages/verify.py` and, for a second opinion, to `stages/second_opinion.py`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import (
    HERE,
    BaseUrlOption,
    BudgetOption,
    JsonOption,
    ProjectOption,
    TeacherModelOption,
    TeacherOption,
)

if TYPE_CHECKING:
    from octocli.core.config import TeacherSettings
    from octocli.core.project import Project
    from octocli.stages.second_opinion import OpinionReport
    from octocli.stages.verify import VerifyReport

# A person reads a few doubts; a script gets all of them with --json.
_DOUBTS_SHOWN = 10

_LEAKS = {"text": "texts", "skeleton": "skeletons", "value": "values", "near": "rows nearly alike"}


def verify_cli(
    project: ProjectOption = HERE,
    opinion: Annotated[
        bool, typer.Option("--second-opinion", help="Have an LLM judge each row that the checks let through.")
    ] = False,
    own_rows: Annotated[
        bool, typer.Option("--own-rows", help="Have imported rows judged too; a no is told and drops none.")
    ] = False,
    teacher: TeacherOption = None,
    model: TeacherModelOption = None,
    base_url: BaseUrlOption = None,
    budget: BudgetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject samples that are wrong, with the reason, and split the rest into train, validation and test.

    \b
    Examples:
      octo verify
      octo verify --json
      octo verify --second-opinion --budget 0.50
      octo verify --second-opinion --own-rows --teacher openai --model qwen3 --base-url http://localhost:11434/v1
    """
    from octocli.core.config import override
    from octocli.core.errors import BadInput
    from octocli.core.project import open_project
    from octocli.stages.verify import verify

    opened = open_project(project)
    if opinion:
        who = override(opened.config.teacher, {"name": teacher, "model": model, "base_url": base_url})
        _judge(opened, who, own_rows=own_rows, budget=budget, as_json=as_json)
        return
    if own_rows or any(given is not None for given in (teacher, model, base_url, budget)):
        raise BadInput("nobody is asked without --second-opinion", hint="octo verify --second-opinion ...")
    with console.progress() as on_tick:
        report = verify(opened, on_tick=on_tick)
    if as_json:
        console.say_json(asdict(report))
        return
    show_verify(report)
    _show_next(opened)


def _judge(project: "Project", who: "TeacherSettings", *, own_rows: bool, budget: float | None, as_json: bool) -> None:
    from octocli.stages.second_opinion import second_opinion

    with console.progress() as on_tick:
        report = second_opinion(project, teacher=who, own_rows=own_rows, budget=budget, on_tick=on_tick)
    if as_json:
        console.say_json(asdict(report))
        return
    show_verified(report)
    _show_next(project)


def _show_next(project: "Project") -> None:
    console.say(f"rejected rows with their reasons: {project.rejected_file}")
    console.say("next: octo train --lora")


def show_verified(report: "VerifyReport | OpinionReport") -> None:
    """Print what verify did, with a second opinion or without."""
    from octocli.stages.verify import VerifyReport

    if isinstance(report, VerifyReport):
        show_verify(report)
    else:
        show_verify(report.verification)
        show_opinion(report)


def show_opinion(report: "OpinionReport") -> None:
    """Print what the judge said, and how far its word goes."""
    tally = report.tally
    console.say(f"second opinion: {report.right} right, {report.wrong} wrong, {report.unjudged} without a verdict")
    console.say(
        f"the bill: {tally.replies} replies, {tally.tokens_in} tokens sent, {tally.tokens_out} back, "
        f"{tally.spent:.4f} USD"
    )
    if tally.unknown:
        console.warn(f"{tally.unknown} replies were lost on the way; they may cost up to {tally.held:.4f} USD more")
    console.say(f"of {report.controls} rows with wrong calls that were put in as a test it saw {report.caught}")
    if report.caught * 2 < report.controls:
        console.warn("the judge lets most wrong rows pass: its yes says little; take a stronger model")
    for query, reason in report.doubted[:_DOUBTS_SHOWN]:
        console.warn(f"your own row stays, and was called wrong: {query!r}: {reason}")
    if len(report.doubted) > _DOUBTS_SHOWN:
        console.warn(f"{len(report.doubted) - _DOUBTS_SHOWN} more of your own rows were called wrong: see --json")
    for reason, count in report.failed.items():
        console.warn(f"{count} requests failed: {reason}; the same command asks them again")
    if report.budget_spent:
        console.warn("the budget ended it; a larger one goes on where it stopped")


def show_verify(report: "object") -> None:
    """Print what verify kept and caught."""
    from octocli.stages.verify import VerifyReport

    assert isinstance(report, VerifyReport)
    splits = ", ".join(f"{n} {split}" for split, n in report.accepted.items())
    console.say(f"accepted: {splits}; rejected: {sum(report.reasons.values())}")
    rows = [(name, str(c.looked_at), str(c.caught), f"{c.seconds:.1f}") for name, c in report.checks.items()]
    console.table(("check", "looked at", "caught", "seconds"), rows)
    leaking = {what: n for what, n in report.leaks.items() if n}
    if leaking:
        listed = ", ".join(f"{n} {_LEAKS[what]}" for what, n in leaking.items())
        console.warn(f"on more than one side of the split (imported rows): {listed}")
