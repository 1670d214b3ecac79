"""`octo data`: the doors to the stages that look at samples: browse, coverage, compare, export_samples."""

import random
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octocli.cli import console, sample_views
from octocli.cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from octocli.core.project import Project
    from octocli.stages.browse import Store

DataOption = Annotated[
    Path | None, typer.Option("--data", help="JSONL of samples to look at.", show_default="the project's")
]
FunctionOption = Annotated[
    str | None, typer.Option("--function", help='Samples that call it; "none" for negatives.', show_default="all")
]
KindOption = Annotated[str | None, typer.Option("--kind", help="positive, parallel, ...", show_default="all")]
SplitOption = Annotated[str | None, typer.Option("--split", help="train, validation or test.", show_default="all")]
NumberOption = Annotated[int, typer.Option("--number", "-n", min=1, help="How many to show.")]


def data_cli(
    context: typer.Context, project: ProjectOption = HERE, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Look at the samples; alone, count them by function, kind, split and teacher.

    Shown are the accepted samples, or, where samples, spec or plan changed since `octo verify`, all of samples.jsonl.

    \b
    Examples:
      octo data
      octo data sample -n 5 --function none
      octo data show half past
      octo data odd
      octo data coverage
      octo data diff ../before .
      octo data export train.jsonl --split train
    """
    from octocli.core.errors import BadInput

    if context.invoked_subcommand is not None:
        if project != HERE or data is not None or as_json:
            name = context.invoked_subcommand
            raise BadInput(f"octo data: options stand after {name!r}", hint=f"write: octo data {name} --json")
        return
    from octocli.stages.browse import count  # not on the way to the help of a subcommand, which passes here

    opened, store = _open(project, data)
    counts = count(store, opened)
    if as_json:
        console.say_json({**_head(store), **vars(counts)})
        return
    sample_views.show_store(store)
    sample_views.show_counts(counts)


def show_cli(
    words: Annotated[list[str], typer.Argument(help="An id, or words of the query.", show_default=False)],
    project: ProjectOption = HERE,
    data: DataOption = None,
    number: NumberOption = 5,
    as_json: JsonOption = False,
) -> None:
    """Show samples as training sees them: what is given (the prompt) and what is learnt (the target).

    \b
    Examples:
      octo data show 3fa9c2d1
      octo data show pad thai -n 20
    """
    from octocli.stages.browse import find, lesson

    opened, store = _open(project, data)
    found = find(store, words)
    lessons = [lesson(sample, opened) for sample in found[:number]]
    if as_json:
        rows = [sample_views.lesson_as_json(one) for one in lessons]
        console.say_json({**_head(store), "found": len(found), "samples": rows})
        return
    sample_views.show_store(store)
    for one in lessons:
        sample_views.show_lesson(one)
    if len(found) > number:
        console.say(f"and {len(found) - number} more; -n shows more")


def sample_cli(
    project: ProjectOption = HERE,
    data: DataOption = None,
    number: NumberOption = 10,
    function: FunctionOption = None,
    kind: KindOption = None,
    split: SplitOption = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Draw the same again.", show_default="another each time")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show samples drawn at random.

    \b
    Examples:
      octo data sample
      octo data sample -n 20 --kind near-miss --split test --seed 1
    """
    from octocli.stages.browse import draw

    _, store = _chosen(project, data, function, kind, split)
    seed = random.randrange(10**6) if seed is None else seed
    drawn = draw(store, number, seed)
    if as_json:
        console.say_json({**_head(store), "seed": seed, "samples": [sample.to_json() for sample in drawn]})
        return
    sample_views.show_store(store)
    for sample in drawn:
        sample_views.show_sample(sample)
    console.say(f"{len(drawn)} of {len(store.samples)}, --seed {seed}")


def longest_cli(
    project: ProjectOption = HERE,
    data: DataOption = None,
    number: NumberOption = 10,
    function: FunctionOption = None,
    kind: KindOption = None,
    split: SplitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the samples with the most characters, prompt and target together.

    \b
    Examples:
      octo data longest
      octo data longest -n 3 --function order_dish --json
    """
    from octocli.stages.browse import longest

    opened, store = _chosen(project, data, function, kind, split)
    lessons = longest(store, opened, number)
    if as_json:
        rows = [{**sample_views.lesson_as_json(one), "characters": one.length} for one in lessons]
        console.say_json({**_head(store), "samples": rows})
        return
    sample_views.show_store(store)
    for one in lessons:
        sample_views.show_lesson(one, f"{one.length} characters")


def odd_cli(
    project: ProjectOption = HERE,
    data: DataOption = None,
    number: NumberOption = 10,
    function: FunctionOption = None,
    kind: KindOption = None,
    split: SplitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the samples whose wording is furthest from the others of their function, and which words make it so.

    A word's surprise is -log2 of the share of other samples of the function that have it; a query's is its words' mean,
    values left out. Ranked by standard deviations above the function's mean. Wrong calls are often among the first.

    \b
    Examples:
      octo data odd
      octo data odd -n 30 --function none
    """
    from octocli.stages.browse import Choice, odd

    opened, store = _open(project, data)
    oddities = odd(store, opened, number, Choice(function, kind, split))
    if as_json:
        console.say_json({**_head(store), "samples": [sample_views.oddity_as_json(one) for one in oddities]})
        return
    sample_views.show_store(store)
    for one in oddities:
        sample_views.show_oddity(one)


def coverage_cli(
    project: ProjectOption = HERE,
    data: DataOption = None,
    split: SplitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count what the samples use of the spec: parameters, their values, and what no sample has.

    A ? marks what a call may leave out. A default that the spec names is not asked for: nobody has to say it.

    \b
    Examples:
      octo data coverage
      octo data coverage --split train --json
    """
    from octocli.stages.coverage import cover

    opened, store = _chosen(project, data, None, None, split)
    coverage = cover(store.samples, opened.spec)
    if as_json:
        sets = {f: [{"arguments": names, "calls": n} for names, n in found] for f, found in coverage.sets.items()}
        uses = [asdict(use) for use in coverage.uses]
        console.say_json({**_head(store), "parameters": uses, "sets": sets, "gaps": coverage.gaps})
        return
    sample_views.show_store(store)
    sample_views.show_coverage(coverage)


def diff_cli(
    before: Annotated[Path, typer.Argument(help="A project's folder or a JSONL file.", show_default=False)],
    after: Annotated[Path, typer.Argument(help="Another one.", show_default=False)],
    number: NumberOption = 10,
    as_json: JsonOption = False,
) -> None:
    """Compare two sets of samples: queries that were added, removed, or answered otherwise.

    \b
    Examples:
      octo data diff ../before .
      octo data diff old.jsonl data/accepted.jsonl -n 50
    """
    from octocli.stages.compare import compare

    difference = compare(before, after)
    if as_json:
        console.say_json(sample_views.difference_as_json(difference))
    else:
        sample_views.show_difference(difference, number)


def export_cli(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL to write.", show_default=False)],
    project: ProjectOption = HERE,
    data: DataOption = None,
    function: FunctionOption = None,
    kind: KindOption = None,
    split: SplitOption = None,
    format: Annotated[str, typer.Option("--format", help="openai (fine-tuning) or octo.")] = "openai",
    as_json: JsonOption = False,
) -> None:
    """Write samples to a file: in OpenAI's fine-tuning format, or as octo's own JSONL. `octo import` reads both.

    \b
    Examples:
      octo data export train.jsonl --split train
      octo data export test.jsonl --split test --format octo
    """
    from octocli.core.errors import BadInput
    from octocli.stages.export_samples import DATA_FORMATS, export_samples

    chosen = next((known for known in DATA_FORMATS if known == format), None)
    if chosen is None:
        raise BadInput(f"--format: {format!r} is unknown", hint=f"use one of {', '.join(DATA_FORMATS)}")
    opened, store = _chosen(project, data, function, kind, split)
    with console.progress() as on_tick:
        report = export_samples(opened, store, out, chosen, on_tick=on_tick)
    if as_json:
        console.say_json({**_head(store), **asdict(report), "out": str(out)})
        return
    sample_views.show_store(store)
    console.say(f"{report.rows} samples in {out}")
    if chosen == "openai":
        sample_views.show_what_openai_lacks(report)


COMMANDS = (
    ("show", show_cli),
    ("sample", sample_cli),
    ("longest", longest_cli),
    ("odd", odd_cli),
    ("coverage", coverage_cli),
    ("diff", diff_cli),
    ("export", export_cli),
)


def _open(root: Path, file: Path | None) -> tuple["Project", "Store"]:
    from octocli.core.project import open_project
    from octocli.stages.browse import open_store

    project = open_project(root)
    return project, open_store(project, file)


def _chosen(
    root: Path, file: Path | None, function: str | None, kind: str | None, split: str | None
) -> tuple["Project", "Store"]:
    from octocli.stages.browse import Choice, choose

    project, store = _open(root, file)
    return project, choose(store, project, Choice(function, kind, split))


def _head(store: "Store") -> dict[str, Any]:
    return {"file": str(store.file), "verified": store.is_verified, "rows": len(store.samples)}
