"""Short trainings of a fixed number of steps, scored on the same held-out questions: what experiments are made of."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kits import make_project, some

SCORES = ("function_choice", "recall", "strict", "abstention")


def opened_or_made(work: Path, template: str, **settings: str | int) -> Any:
    """A project of a template with its samples, in a folder named by its settings; one that stands there is taken."""
    from octocli.core.project import open_project

    told = (f"{key}-{str(value).replace('/', '_')}" for key, value in settings.items())
    folder = work / "-".join((template, *told)) / template  # a project is named after its folder
    if (folder / "data" / "accepted.jsonl").exists():
        return open_project(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return make_project(folder, template, **settings)


def questions_of(project: Any, most: int) -> Path:
    """At most so many of the held-out samples, in a file."""
    from octocli.core.samples import read_samples, write_samples

    held_out = [s for s in read_samples(project.accepted_file) if s.split == "test"]
    file: Path = project.root / f"questions-{most}.jsonl"
    write_samples(file, some(held_out, most))
    return file


def passes_of(rows: Sequence[Any], steps: int, batch: int) -> list[Sequence[Any]]:
    """Passes over the rows, `steps` whole batches in all; the last may be a part of one, drawn from all rows."""
    if len(rows) < batch or steps < 1:
        raise ValueError(f"{len(rows)} rows and {steps} steps make no batch of {batch}")
    rows = some(rows, len(rows) // batch * batch)
    whole, rest = divmod(steps * batch, len(rows))
    return [rows] * whole + ([rows[:rest]] if rest else [])


def train_and_score(
    project: Any,
    name: str,
    samples: Sequence[Any],
    changes: dict[str, Any],
    steps: int,
    questions: Path,
    *,
    before: Callable[[Any, Any, Any], list[Any]] = lambda *_: [],
) -> dict[str, Any]:
    """Train so many steps with `changes` of [train], and score the run.

    `before` is given the trainee, manifest and vocabulary; it may change the trainee, and gives rows to learn first.
    A run that was trained before a kill is only scored.
    """
    from octocli.core.config import override
    from octocli.core.project import data_hash
    from octocli.model.adapter import save_lora
    from octocli.model.bases import open_base
    from octocli.model.checkpoints import Checkpoint
    from octocli.model.encoding import encode_all
    from octocli.model.training import fit
    from octocli.stages import train as stage
    from octocli.stages.run_record import write_run

    folder = project.run(f"{name}-{steps}-steps")
    if (folder / "run.json").exists():
        return _scores(project, folder, questions)
    settings = override(project.config.train, changes)
    base = open_base(project.config.base, project.root)
    manifest = stage._manifest(project, base, settings, samples)
    trainee, vocabulary, lora = stage._trainee(manifest, base, settings, project.config)
    first = before(trainee, manifest, vocabulary)
    rows = encode_all(
        samples, manifest, vocabulary, token_weight=settings.token_weight, describe=settings.describe, seed=0
    )
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(folder / "checkpoint.pt", data_hash([name, steps, len(rows)]))
    passes = [first] * bool(first) + passes_of(rows, steps - -(-len(first) // settings.batch), settings.batch)
    curve = fit(trainee, passes, settings, seed=project.config.seed, checkpoint=checkpoint)
    save_lora(trainee, folder, lora, project.config.base)
    write_run(project, folder, settings, manifest, vocabulary, len(rows), curve)
    del trainee
    return _scores(project, folder, questions)


def _scores(project: Any, folder: Path, questions: Path) -> dict[str, Any]:
    from octocli.stages.evaluate import evaluate

    report = evaluate(project, folder, data=questions)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return {
        "rows": record["samples"],
        "steps": record["steps"],
        "seconds": round(record["seconds"]),
        **{score: report.card.whole[score].to_json() for score in SCORES},
        "wrong": sorted(str(error["query"]) for error in report.errors),
    }


def results_of(work: Path, what: dict[str, Any]) -> list[dict[str, Any]]:
    """The results of just this that earlier calls left in the folder."""
    file = work / "results.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [r for r in map(json.loads, lines) if {k: r.get(k) for k in what} == what]


def keep_result(work: Path, what: dict[str, Any], result: dict[str, Any]) -> None:
    """Add a result to the folder's; several processes may."""
    with (work / "results.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(what | result) + "\n")
