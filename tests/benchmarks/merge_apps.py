"""What a merge costs each app, way by way: the naive sum, PEFT's other methods, healing of several lengths.

    python tests/benchmarks/merge_apps.py WORK android/ vehicle/ doordash/ yelp/ --questions 250
    python tests/benchmarks/merge_apps.py WORK android/ vehicle/ --way cat:0 --way cat:0.1

Each app is a project folder with a finished run. A way is METHOD:HEAL, heal being a share of the steps that the apps
took together; METHOD:HEAL:rows heals the token rows alone. The method "sum" is "cat" with weights of 1: the naive sum.
Each adds a line to WORK/results.jsonl, and one that stands there is not made again; delete WORK when the apps change.
Seconds are without the drawing
of rows but for the way that was first. Beside the table, WORK/merge.png shows the strict call of every app, way by way.
"""

import argparse
import json
import pickle
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

from runs import keep_result, results_of

WAYS = (
    "sum:0",
    "cat:0",
    "linear:0",
    "ties:0",
    "dare_linear:0",
    "svd:0",
    "cat:0.02",
    "cat:0.05",
    "cat:0.1",
    "cat:0.1:rows",
)
# Octo-planner (arXiv 2406.18082, table 3): success with LoRAs of one to four domains merged, in per cent.
PUBLISHED = {1: 85.1, 2: 82.2, 3: 78.9, 4: 69.7}


def _measured(apps: Sequence[Path], folder: Path, way: str, questions: int) -> dict[str, Any]:
    """Merge one way and measure it; the merged project is thrown away, its numbers are kept."""
    from octocli.stages.merge import merge
    from octocli.stages.merge_report import as_json

    method, heal, *what = way.split(":")
    shutil.rmtree(folder, ignore_errors=True)
    report = merge(
        apps,
        folder,
        method="cat" if method == "sum" else method,
        weights=[1.0] * len(apps) if method == "sum" else (),
        heal=float(heal),
        heal_what="rows" if what == ["rows"] else "all",
        questions=questions,
        tolerance=1.0,
    )
    shutil.rmtree(folder)
    return as_json(report)


def _rows_drawn_once(work: Path) -> AbstractContextManager[Any]:
    """Have all ways learn and answer the same rows: to find what another app serves takes minutes."""
    from octocli.stages import merge as stage

    draw = stage.own_rows

    def remembered(inputs: Any, split: Any, negatives: int, *more: Any) -> Any:
        # A way that heals longer wants more negatives to learn from.
        file = work / f"rows-{split}-{negatives}.pickle"
        if not file.exists():
            written = file.with_suffix(".new")
            written.write_bytes(pickle.dumps(draw(inputs, split, negatives, *more)))
            written.replace(file)
        return pickle.loads(file.read_bytes())

    return mock.patch.object(stage, "own_rows", remembered)


def _share(score: Mapping[str, Any]) -> str:
    """A share, before and after where both were measured."""
    if "after" not in score:
        return "-" if score["value"] is None else f"{score['value']:.1%}"
    return "-" if score["after"]["value"] is None else f"{score['before']['value']:.1%} > {score['after']['value']:.1%}"


def _report(results: Sequence[Mapping[str, Any]]) -> None:
    apps = list(results[0]["apps"])
    print(f"{'way':<16}" + "".join(f"{app:>26}" for app in apps) + f"{'function choice':>18}")
    alone = [
        f"{results[0]['apps'][app]['before']['value']:.1%} of {results[0]['apps'][app]['before']['n']}" for app in apps
    ]
    print(f"{'alone':<16}" + "".join(f"{cell:>26}" for cell in alone))
    for result in results:
        for part, way in (("apps", result["way"]), ("apart", "  its own alone"), ("hinted", "  in foreground")):
            choice = {"apps": "function_choice"}.get(part, f"function_choice_{part}")
            print(
                f"{way:<16}" + "".join(f"{_cell(result[part][app]):>26}" for app in apps)
                + f"{_share(result[choice]):>18}"
            )  # fmt: skip
        print(
            f"  refused {_share(result['abstention'])}, two apps at once {_share(result['across'])}, "
            f"healed for {result['heal_steps']} steps, {result['seconds']:.0f} s"
        )
    print("published, Octo-planner, one to four domains: " + ", ".join(f"{share} %" for share in PUBLISHED.values()))


def _cell(score: Mapping[str, Any]) -> str:
    """A strict call after the merge, with the interval of what it cost; "-" where no row was left to ask."""
    if score["after"]["value"] is None:
        return "-"
    low, high = score["interval"]
    return f"{score['after']['value']:.1%} ({100 * low:+.1f} to {100 * high:+.1f})"


def _draw(results: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Strict call of each app by way, beside what was published."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    apps = list(results[0]["apps"])
    figure, axes = pyplot.subplots(figsize=(1.6 + 1.1 * (len(results) + 1), 4))
    ways = ["alone", *(result["way"] for result in results)]
    for app in apps:
        values = [results[0]["apps"][app]["before"]["value"], *(r["apps"][app]["after"]["value"] for r in results)]
        axes.plot(ways, [100 * value for value in values], marker="o", label=app)
    if len(apps) in PUBLISHED:
        axes.axhline(PUBLISHED[len(apps)], linestyle=":", color="grey", label=f"published, {len(apps)} domains")
    axes.set_ylabel("strict call, %")
    axes.tick_params(axis="x", rotation=30)
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=150)


def main() -> None:
    """Merge what was not merged yet, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("apps", type=Path, nargs="+", help="project folders with a finished run")
    parser.add_argument("--way", action="append", default=[], help="METHOD:HEAL or METHOD:HEAL:rows; may be repeated")
    parser.add_argument("--questions", type=int, default=250, help="test requests of each app")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    runs = [json.loads((app / "runs" / "main" / "run.json").read_text(encoding="utf-8")) for app in options.apps]
    setting = {"apps_of": [r["made_from"]["accepted"] for r in runs], "questions": options.questions}
    with _rows_drawn_once(options.work):
        for way in options.way or WAYS:
            what = {"way": way, **setting}
            if not results_of(options.work, what):
                keep_result(
                    options.work, what, _measured(options.apps, options.work / "merged", way, options.questions)
                )
                print(f"{way}: done", flush=True)
    results = results_of(options.work, setting)
    _report(results)
    _draw(results, options.work / "merge.png")


if __name__ == "__main__":
    main()
