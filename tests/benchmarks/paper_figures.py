"""Figures 4 and 6 of arXiv 2404.01744 again: how scores grow with rows a function, and with the special tokens' weight.

    python tests/benchmarks/paper_figures.py WORK --figure 4 --seed 0 --seed 1 --seed 2
    python tests/benchmarks/paper_figures.py WORK --figure 6 --seed 0
    python tests/benchmarks/paper_figures.py WORK --report

Every run has the same number of steps, so only what is asked differs. One seed is one set of rows: the rows of the
smaller sizes are part of those of the larger ones, and all runs of a seed answer the same held-out questions. Each run
adds a line to WORK/results.jsonl, and one that stands there is not made again; seeds may run side by side.
"""

import argparse
import math
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from runs import SCORES, keep_result, opened_or_made, questions_of, results_of, train_and_score

SIZES = (50, 100, 250)
WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0)
# Half of the width of a 95 % interval of a mean, in standard errors, by number of seeds (Student's t).
_STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}


def _subset(samples: Sequence[Any], size: int, largest: int) -> list[Any]:
    """The first `size` rows of each function, and as many of the negatives in proportion."""
    counted: Counter[str] = Counter()
    chosen = []
    negatives = sum(not s.calls for s in samples)
    for sample in samples:
        name = sample.calls[0]["name"] if sample.calls else ""
        counted[name] += 1
        if counted[name] <= (size if name else round(negatives * size / largest)):
            chosen.append(sample)
    return chosen


def _wanted(options: argparse.Namespace) -> Iterator[tuple[int, int, int, float | None]]:
    """Yield (figure, seed, size, weight) of each run that is asked for."""
    for seed in options.seed:
        for figure in options.figure:
            if figure == 4:
                yield from ((4, seed, size, None) for size in options.size)
            else:
                yield from ((6, seed, options.size_of_figure_6, weight) for weight in options.weight)


def _setting(options: argparse.Namespace) -> dict[str, Any]:
    """What all the runs of a folder share; results of another setting are other results."""
    return {"template": options.template, "base": options.base, "planned_steps": options.steps, "of": max(options.size),
            "questions": options.questions}  # fmt: skip


def _report(results: Sequence[dict[str, Any]]) -> None:
    for figure, key in ((4, "size"), (6, "weight")):
        of_figure = [r for r in results if r["figure"] == figure]
        for value in sorted({r[key] for r in of_figure}):
            runs = [r for r in of_figure if r[key] == value]
            cells = [f"{score} {_mean([r[score]['value'] for r in runs])}" for score in SCORES]
            print(f"figure {figure}, {key} {value:g}, {len(runs)} seeds, {runs[0]['steps']} steps: {'; '.join(cells)}")
            for run in runs:
                each = (f"{score} {run[score]['low']:.1%} to {run[score]['high']:.1%}" for score in SCORES)
                print(f"    seed {run['seed']}: {'; '.join(each)}, n = {run['strict']['n']}")


def _mean(values: Sequence[float]) -> str:
    mean = statistics.mean(values)
    if len(values) not in _STUDENT:
        return f"{mean:.1%}"
    return f"{mean:.1%} ± {_STUDENT[len(values)] * statistics.stdev(values) / math.sqrt(len(values)):.1%}"


def main() -> None:
    """Make the runs that are missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for projects, runs and results")
    parser.add_argument("--figure", type=int, choices=(4, 6), action="append", default=[])
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--questions", type=int, default=520, help="held-out questions at most")
    parser.add_argument("--size", type=int, action="append", default=[], help="rows a function (figure 4)")
    parser.add_argument("--weight", type=float, action="append", default=[], help="loss weights (figure 6)")
    parser.add_argument("--template", default="android")
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--report", action="store_true", help="only print what is there")
    options = parser.parse_args()
    options.size, options.weight = options.size or list(SIZES), options.weight or list(WEIGHTS)
    options.size_of_figure_6 = sorted(options.size)[len(options.size) // 2]
    options.work.mkdir(parents=True, exist_ok=True)
    for figure, seed, size, weight in () if options.report else _wanted(options):
        what = {"figure": figure, "seed": seed, "size": size, "weight": weight} | _setting(options)
        if results_of(options.work, what):
            continue
        largest = max(options.size)
        project = opened_or_made(options.work, options.template, base=options.base, seed=seed, per_function=largest)
        from octocli.stages.train import _training_samples

        questions = questions_of(project, options.questions)
        samples = _subset(_training_samples(project), size, largest)
        name, changes = f"figure-{figure}-{size}-{weight}", {"token_weight": weight}
        result = train_and_score(project, name, samples, changes, options.steps, questions)
        keep_result(options.work, what, result)
        print(f"{what} done", file=sys.stderr, flush=True)
    _report(results_of(options.work, _setting(options)))


if __name__ == "__main__":
    main()
