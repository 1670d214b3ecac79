"""`octo merge`: several apps' adapters into one project with one run, healed on a little of the apps' own samples.

What it starts from is `merge_inputs.py`'s, the rows it learns `replay.py`'s, the sum of matrices `model/merging.py`'s.
"""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from octocli.core import MOST_LOST
from octocli.core.errors import BadInput, Refused
from octocli.core.project import Project, open_project, read_record, write_json
from octocli.core.samples import SPLITS, Sample, Split, write_atomically, write_samples
from octocli.core.scoring import Rate, rate, same_strictly
from octocli.core.tokens import dump_tokens
from octocli.stages.evaluate import ask
from octocli.stages.healing import Heal
from octocli.stages.merge_inputs import MergeInput, joined_spec, read_inputs
from octocli.stages.merge_report import MergeReport, as_json, measured
from octocli.stages.merged_run import MergedRun
from octocli.stages.model_card import model_card
from octocli.stages.progress import OnTick, silent
from octocli.stages.replay import labelled, negatives_among, own_rows, replay

if TYPE_CHECKING:
    from octocli.model.merging import Method

_REPORT = "merge.json"
# Of each app, negatives that the line of refusal is fitted to.
_CALIBRATED = 100
# Validation rows that every method is tried on.
_TRIED = 120
_OPENING = "# Merged by octo from "
_SETTINGS = """\
{opening}{apps}. Train the apps in their own projects, and merge again.

base = {base}
prompt = {prompt}
seed = {seed}
reserved = {reserved}
"""


def merge(
    paths: Sequence[Path],
    out: Path,
    *,
    method: str = "cat",
    weights: Sequence[float] = (),
    heal: float = 0.1,
    heal_what: Heal = "all",
    questions: int = 100,
    tolerance: float = MOST_LOST,
    on_tick: OnTick = silent,
) -> MergeReport:
    """Merge apps into a new project at `out`.

    Args:
        paths: project folders, or run folders.
        out: the folder to make; its name is the merged app's.
        method: of PEFT, or "auto" for the one that does best on validation rows before healing.
        weights: of the apps in the sum; if none, one over the root of their number each: what other adapters
            add is noise to an app, and noises add up as that root does.
        heal: steps of joint training afterwards, as a share of the steps that the apps took together; 0 for none.
        heal_what: what learns then: LoRA and rows, or the rows alone.
        questions: requests of each app that the merged model and the app's own are both asked; a quarter as many more
            that nothing serves.
        tolerance: what the merge may cost an app for sure, as a share of its calls.
        on_tick: progress.

    Raises:
        NotMade, BadInput: see `read_inputs` and `joined_spec`.
        Refused: an app lost more than the tolerance. The merged project is there, to be looked at or healed for longer.
    """
    from octocli.model.merging import check_alike

    started = time.monotonic()
    _check_options(paths, method, weights, heal)
    inputs = read_inputs(paths)
    _check_out(out)
    check_alike([one.adapter for one in inputs])
    joined_spec(inputs, out.resolve().name)
    training_steps = sum(one.training_steps for one in inputs)
    wanted = round(heal * training_steps) * inputs[0].project.config.train.batch
    train, validation, test = _drawn(inputs, wanted, questions, on_tick)
    project = _make_project(inputs, out, [*labelled(inputs, validation), *labelled(inputs, test)])
    weights = list(weights) or [len(inputs) ** -0.5] * len(inputs)
    maker = MergedRun(inputs, project, on_tick)
    held_out = [s for part in validation for s in part]
    chosen = _best_method(maker, held_out, weights) if method == "auto" else cast("Method", method)
    about = {"merge": {"method": chosen, "weights": weights, "heal": heal, "heal_what": heal_what}}
    steps = maker.write(
        maker.joined(chosen, weights), project.run(), _passes(train, wanted, project), held_out, heal_what, about
    )
    report = measured(maker, chosen, test, questions, steps, training_steps, started)
    _write_report(project, as_json(report))
    _refuse(report, tolerance)
    return report


def _drawn(
    inputs: Sequence[MergeInput], wanted: int, questions: int, on_tick: OnTick
) -> tuple[list[list[Sample]], ...]:
    """Each app's rows of training, validation and test, with as many negatives as are wanted of each."""
    negatives: Mapping[Split, int] = {
        "train": negatives_among(wanted // len(inputs)),
        "validation": _CALIBRATED,
        "test": negatives_among(questions),
    }
    seed = inputs[0].project.config.seed
    return tuple(own_rows(inputs, split, negatives[split], seed, on_tick) for split in SPLITS)


def _passes(train: Sequence[Sequence[Sample]], wanted: int, project: Project) -> list[list[Sample]]:
    """What is learnt after the sum: so many rows. Where the apps have fewer, these are learnt more than once."""
    rows = replay(train, wanted, project.config.seed)
    return [rows] * max(1, round(wanted / len(rows))) if rows else []


def _check_options(paths: Sequence[Path], method: str, weights: Sequence[float], heal: float) -> None:
    from octocli.model.merging import METHODS

    if method not in (*METHODS, "auto"):
        raise BadInput(f"--method: {method!r} is unknown", hint=f"there are: auto, {', '.join(METHODS)}")
    if weights and len(weights) != len(paths):
        raise BadInput(f"--weights: {len(weights)} for {len(paths)} apps", hint="give one for each app, in their order")
    if not 0 <= heal <= 1:
        raise BadInput(f"--heal: {heal} is no share of the apps' training", hint="0.1 is a tenth, 0 heals nothing")


def _check_out(out: Path) -> None:
    """Refuse a folder that holds something else than a merge which a kill left unfinished: that one is gone on with."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    settings = Project(out).config_file
    ours = settings.exists() and settings.read_text(encoding="utf-8").startswith(_OPENING)
    begun = ours and Project(out).run().exists()  # a clone of a merged project has no runs, and is none of ours
    if not begun or (Project(out).run() / _REPORT).exists():
        raise BadInput(f"{out}: already there and not empty", hint="choose another --out")


def _make_project(inputs: Sequence[MergeInput], out: Path, held_out: Sequence[Sample]) -> Project:
    """The merged project without its run: settings, spec, tokens, and rows to measure with."""
    spec, table = joined_spec(inputs, out.resolve().name)
    first = inputs[0].project.config
    project = Project(out)
    project.run().mkdir(parents=True, exist_ok=True)  # begun: by this, a merge that is killed is known
    write_json(project.spec_file, spec.to_json())
    write_atomically(project.tokens_file, dump_tokens(table))
    write_atomically(out / ".gitignore", "runs/\ndist/\n")
    project.accepted_file.parent.mkdir(exist_ok=True)
    write_samples(project.accepted_file, held_out)
    settings = _SETTINGS.format(
        opening=_OPENING,
        apps=", ".join(one.app for one in inputs),
        base=json.dumps(_base_name(inputs[0], out)),
        prompt=json.dumps(first.prompt),
        seed=first.seed,
        reserved=json.dumps(first.reserved),
    )
    write_atomically(project.config_file, settings)  # last: its presence makes the folder a project
    return open_project(out)


def _base_name(first: MergeInput, out: Path) -> str:
    """The base as the merged project names it: a file or folder beside the first app's stands elsewhere from `out`."""
    name = first.project.config.base
    beside = first.project.root / name
    return str(beside.resolve()) if beside.exists() else name


def _best_method(maker: MergedRun, rows: Sequence[Sample], weights: Sequence[float]) -> "Method":
    """The method whose sum, not healed yet, chooses best on validation rows."""
    from octocli.model.merging import METHODS
    from octocli.runtime.caller import open_caller

    found: dict[Method, Rate] = {}
    some = [s for s in rows if s.is_positive][:: max(1, len(rows) // _TRIED)]
    for method in METHODS:
        try:
            adapter = maker.joined(method, weights)
        except BadInput:  # adapters of other ranks do not add up by every method
            continue
        folder = maker.project.run(f"try-{method.replace('_', '-')}")
        maker.write(adapter, folder, [], rows, "all", {})
        with open_caller(folder) as caller:
            outcomes = ask(caller, some, f"trying {method}", maker.on_tick)
        found[method] = rate(same_strictly(o.sample.calls, o.calls, maker.project.spec) for o in outcomes)
        shutil.rmtree(folder)
    if not found:
        raise BadInput("no method can merge these adapters", hint="train them with one --rank")
    return max(found, key=lambda method: found[method].value)


def _write_report(project: Project, report: Mapping[str, Any]) -> None:
    """The comparison beside the run, in the card, and in the manifest, which every GGUF carries."""
    run = project.run()
    record = read_record(run / "run.json")
    record["manifest"]["settings"]["apps"] = [
        {**card, "strict": {when: report["apps"][card["app"]][when]["value"] for when in ("before", "after")}}
        for card in record["merged_from"]
    ]
    write_atomically(run / "MODEL_CARD.md", model_card(project.spec.app, record, report))
    write_json(run / "run.json", record)
    write_json(run / _REPORT, report)  # last: a merge that has it is complete


def _refuse(report: MergeReport, tolerance: float) -> None:
    """Raise where an app surely lost more than the tolerance."""
    lost = {app: score for app, score in report.apps.items() if score.interval[1] < -tolerance}
    if lost:
        told = ", ".join(f"{app} {-100 * s.difference:.1f} points" for app, s in lost.items())
        raise Refused(
            f"the merge costs too much: {told} of strict call", hint="give it more --heal, or ship the apps apart"
        )
