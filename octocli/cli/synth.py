"""`octo synth`: the door to `stages/synthesize.py` and, with an LLM as teacher, to `stages/ask_teacher.py`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octocli.cli import console
from octocli.cli.options import HERE, BudgetOption, JsonOption, ProjectOption

if TYPE_CHECKING:
    from octocli.core.config import TeacherSettings
    from octocli.core.project import Project
    from octocli.stages.ask_teacher import AskReport
    from octocli.stages.billing import Cost, Costs
    from octocli.stages.estimate import Estimate
    from octocli.stages.synthesize import SynthReport


def synth_cli(
    project: ProjectOption = HERE,
    per_function: Annotated[
        int | None,
        typer.Option("--per-function", "-n", help="Training positives a function.", show_default="octo.toml"),
    ] = None,
    negatives: Annotated[
        float | None, typer.Option("--negatives", help="Negatives per positive.", show_default="octo.toml")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option("--teacher", help="builtin, gemini, openai, gguf or replay.", show_default="octo.toml"),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The teacher's model, or a GGUF file.", show_default="octo.toml")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="An OpenAI-compatible endpoint.", show_default="octo.toml")
    ] = None,
    budget: BudgetOption = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", help="This machine's part, 3/8 for the third of eight.", show_default="the whole"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and ask nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write samples until the plan is full, with the built-in teacher or an LLM. Goes on where it stopped.

    \b
    Examples:
      octo synth
      octo synth --per-function 200
      octo synth --teacher openai --model qwen3 --base-url http://localhost:11434/v1
      octo synth --teacher gemini --model gemini-2.5-flash --dry-run
      octo synth --teacher gemini --model gemini-2.5-flash --budget 2.00
      octo synth --shard 3/8
    """
    from octocli.core.config import override
    from octocli.core.project import open_project
    from octocli.stages.shards import parse_shard

    opened = open_project(project)
    who = override(opened.config.teacher, {"name": teacher, "model": model, "base_url": base_url})
    part = None if shard is None else parse_shard(shard)
    plan = {"per_function": per_function, "negatives": negatives, "shard": part}
    if who.name == "builtin":
        _write(opened, plan, asks=dry_run or budget is not None, as_json=as_json)
    elif dry_run:
        _foresee(opened, plan, who, as_json=as_json)
    else:
        _ask(opened, plan, who, budget, as_json=as_json)


def _write(project: "Project", plan: dict[str, Any], *, asks: bool, as_json: bool) -> None:
    from octocli.core.errors import BadInput
    from octocli.stages.synthesize import synthesize

    if asks:
        raise BadInput("the built-in teacher asks nobody and costs nothing", hint="name another with --teacher")
    with console.progress() as on_tick:
        report = synthesize(project, **plan, on_tick=on_tick)
    if as_json:
        console.say_json({"added": report.added, "total": report.total, "short": report.short, "cells": report.by_cell})
        return
    show_synth(report)
    _say_what_next(project, plan)


def _say_what_next(project: "Project", plan: dict[str, Any]) -> None:
    shard = plan["shard"]
    if shard is None:
        console.say("next: octo verify")
    else:
        folder = f"{project.shards.relative_to(project.root)}/{shard}"
        console.say(f"next: copy {folder} into the project that brings the shards together, and run octo synth there")


def _foresee(project: "Project", plan: dict[str, Any], who: "TeacherSettings", *, as_json: bool) -> None:
    from octocli.stages.estimate import estimate

    foreseen = estimate(project, **plan, teacher=who)
    if as_json:
        console.say_json(asdict(foreseen))
    else:
        _show_estimate(foreseen)


def _ask(
    project: "Project", plan: dict[str, Any], who: "TeacherSettings", budget: float | None, *, as_json: bool
) -> None:
    from octocli.stages.ask_teacher import ask_teacher

    with console.progress() as on_tick:
        asked = ask_teacher(project, **plan, teacher=who, budget=budget, on_tick=on_tick)
    if as_json:
        console.say_json(asdict(asked))
        return
    show_asked(asked)
    _say_what_next(project, plan)


def show_synth(report: "SynthReport") -> None:
    """Print what synth did."""
    console.say(f"samples: {report.added} new, {report.total} in all")
    _warn_of_short(report.short)


def show_samples(report: "SynthReport | AskReport") -> None:
    """Print what either teacher did."""
    from octocli.stages.synthesize import SynthReport

    show_synth(report) if isinstance(report, SynthReport) else show_asked(report)


def _warn_of_short(short: dict[str, int]) -> None:
    for cell, count in short.items():
        console.warn(
            f"{cell} is {count} short: the teacher had nothing new to say; examples and aliases in api.json help"
        )


def show_asked(report: "AskReport") -> None:
    """Print what an LLM wrote, and its bill."""
    console.say(f"samples: {report.added} new, {sum(report.by_cell.values())} that hold")
    tally = report.tally
    console.say(
        f"this time: {tally.replies} replies, {tally.tokens_in} tokens sent, {tally.tokens_out} back, "
        f"{tally.spent:.4f} USD"
    )
    for reason, count in report.rejected.items():
        console.say(f"  did not hold: {count} by {reason}")
    for reason, count in report.unusable.items():
        console.warn(f"{count} replies could not be used: {reason}")
    for reason, count in report.failed.items():
        console.warn(f"{count} requests failed: {reason}; the same command asks them again")
    _show_costs(report.costs)
    if report.budget_spent:
        console.warn("the budget ended it; a larger one goes on where it stopped")
    else:
        _warn_of_short(report.short)


def _show_costs(costs: "Costs") -> None:
    """Print the bill of all calls so far, function by function."""
    if not costs.by_function:
        return
    console.say("the bill so far:")
    for function, cost in costs.by_function.items():
        console.say(f"  {function}: {_cost(cost)}")
    console.say(f"  in all: {_cost(costs.total)}; the paper says {costs.paper_per_thousand}")
    total = costs.total
    if total.unknown:
        console.warn(
            f"{total.unknown} replies were lost on the way; they may have cost up to {total.held:.4f} USD more"
        )
    if total.unpriced:
        console.warn(f"{total.unpriced} replies have no price and are in no sum")


def _cost(cost: "Cost") -> str:
    rate = "" if cost.per_thousand is None else f", {cost.per_thousand:.4f} USD a thousand"
    return f"{cost.replies} replies, {cost.spent:.4f} USD, {cost.samples} samples that hold{rate}"


def _show_plan(foreseen: "Estimate") -> None:
    """The plan as functions by kinds, rows for training, validation and test, and the values that take turns."""
    from octocli.core.samples import SPLITS
    from octocli.teachers.styles import AXES

    counts: dict[str, dict[str, list[str]]] = {}
    for cell, count in foreseen.by_cell.items():
        subject, kind, split = cell.split("/")
        counts.setdefault(subject, {}).setdefault(kind, ["0"] * len(SPLITS))[SPLITS.index(split)] = str(count)
    positives = list(dict.fromkeys(kind for subject, kinds in counts.items() if subject != "none" for kind in kinds))
    rows = []
    for subject, kinds in counts.items():
        values = ", ".join(f"{name} {count}" for name, count in foreseen.values.get(subject, {}).items())
        if subject != "none":
            rows.append([subject, *("/".join(kinds.get(kind, ["-"])) for kind in positives), values])
    console.table(["function", *positives, "values"], rows, title="rows: train/validation/test")
    for kind, of_split in counts.get("none", {}).items():
        console.say(f"  none, {kind}: {'/'.join(of_split)}")
    console.say("styles in turn: " + " x ".join(f"{len(values)} {name}s" for name, values in AXES.items()))


def _show_estimate(foreseen: "Estimate") -> None:
    _show_plan(foreseen)
    console.say(
        f"{foreseen.requests} requests, about {foreseen.tokens_in} tokens sent and {foreseen.tokens_out} back"
        f"{'' if foreseen.known == 0 else f', {foreseen.known} of them answered before'}"
    )
    quote = foreseen.quote
    if quote is None:
        from octocli.teachers.prices import HOW_TO_GIVE_ONE

        console.say(f"no price is known: give {HOW_TO_GIVE_ONE}")
    else:
        day = "" if quote.date is None else f" of {quote.date}"
        console.say(f"about {foreseen.cost:.4f} USD if every line holds, {foreseen.most:.4f} USD at most")
        console.say(
            f"price{day}: {quote.price.tokens_in:g} USD for a million tokens sent, {quote.price.tokens_out:g} back "
            f"({quote.source})"
        )
    _show_costs(foreseen.costs)
