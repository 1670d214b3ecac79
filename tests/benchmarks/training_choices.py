"""The choices that octo's defaults make in training, each changed alone: rank, rate, layers, first rows, order.

    python tests/benchmarks/training_choices.py WORK --seed 0
    python tests/benchmarks/training_choices.py WORK --report

All runs of a seed have the same rows, steps and held-out questions, so a change is compared with the default question
by question. Each run adds a line to WORK/results.jsonl, and one that stands there is not made again.
"""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runs import SCORES, keep_result, opened_or_made, questions_of, results_of, train_and_score

DEFAULT = "default"
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
CHANGES: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "rank 4": {"rank": 4, "alpha": 8},
    "rank 32": {"rank": 32, "alpha": 64},
    "half the rate": {"lr": 1e-3},
    "twice the rate": {"lr": 4e-3},
    "cosine": {"schedule": "cosine"},
    "attention alone": {"modules": ATTENTION},
    "MLP alone": {"modules": ("gate_proj", "up_proj", "down_proj")},
    "no descriptions": {"describe": 0.0},
    "random rows": {},
    "descriptions first": {"describe": 0.0},
}
# What a change is compared with, where that is not the default: two things are changed there.
BESIDE = {"descriptions first": "no descriptions"}
_REPEATS = 4


def _random_rows(trainee: Any, _manifest: Any, _vocabulary: Any) -> list[Any]:
    """Start the new rows anywhere, in the size of the base's own."""
    import torch

    matrix = trainee.causal_lm.get_output_embeddings().weight
    rows = torch.randn(trainee.rows.shape, generator=torch.Generator().manual_seed(0)) * matrix.std()
    for parameter in (trainee.rows, trainee.head_rows):
        if parameter is not None:
            parameter.data.copy_(rows)
    return []


def _descriptions(_trainee: Any, manifest: Any, vocabulary: Any) -> list[Any]:
    """Each function's description as a prompt, and its token as what follows, some times over."""
    from octocli.model.encoding import Row

    rows = []
    for function in manifest.spec.functions:
        token = manifest.tokens.token(function.name)
        prompt = tuple(vocabulary.prompt(manifest.prompt, function.description))
        rows.append(Row(prompt, (vocabulary.ids[token],), (1.0,)))
    return rows * _REPEATS


_BEFORE: dict[str, Callable[[Any, Any, Any], list[Any]]] = {
    "random rows": _random_rows,
    "descriptions first": _descriptions,
}


def _report(results: Sequence[dict[str, Any]]) -> None:
    for change in CHANGES:
        runs = [r for r in results if r["change"] == change]
        for run in runs:
            cells = (f"{score} {run[score]['value']:.1%}" for score in SCORES)
            print(f"{change}, seed {run['seed']}, {run['seconds']} s: {'; '.join(cells)}")
        beside = BESIDE.get(change, DEFAULT)
        plain = {r["seed"]: r for r in results if r["change"] == beside}
        pairs = [(run, plain[run["seed"]]) for run in runs if run["seed"] in plain]
        if pairs and change != DEFAULT:
            print(f"    beside {beside}: {_difference(pairs)}")


def _difference(pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> str:
    """How many more questions of all seeds are right, with the 95 % interval of a paired difference (McNemar)."""
    asked = sum(run["strict"]["n"] + run["abstention"]["n"] for run, _ in pairs)
    won = sum(len(set(plain["wrong"]) - set(run["wrong"])) for run, plain in pairs)
    lost = sum(len(set(run["wrong"]) - set(plain["wrong"])) for run, plain in pairs)
    middle, half = (won - lost) / asked, 1.96 * math.sqrt(won + lost - (won - lost) ** 2 / asked) / asked
    return (
        f"right answers {middle:+.1%} ({middle - half:+.1%} to {middle + half:+.1%}) of {asked}: {won} won, {lost} lost"
    )


def _with_those_beside(changes: Sequence[str]) -> list[str]:
    """The changes, each after what it is compared with."""
    return list(dict.fromkeys(one for change in changes for one in (BESIDE.get(change, DEFAULT), change)))


def main() -> None:
    """Make the runs that are missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for projects, runs and results")
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--questions", type=int, default=400, help="held-out questions at most")
    parser.add_argument("--change", choices=CHANGES, action="append", help="only these, beside the default")
    parser.add_argument("--template", default="smart-home")
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--report", action="store_true", help="only print what is there")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    setting = {k: getattr(options, k) for k in ("template", "base", "questions")} | {"planned_steps": options.steps}
    for seed in () if options.report else options.seed:
        project = opened_or_made(options.work, options.template, base=options.base, seed=seed)
        from octocli.stages.train import _training_samples

        samples, questions = _training_samples(project), questions_of(project, options.questions)
        for change in _with_those_beside(options.change or list(CHANGES)):
            what = {"change": change, "seed": seed} | setting
            if results_of(options.work, what):
                continue
            result = train_and_score(
                project, change.replace(" ", "-"), samples, CHANGES[change], options.steps, questions,
                before=_BEFORE.get(change, lambda *_: []),
            )  # fmt: skip
            keep_result(options.work, what, result)
            print(f"{what} done", file=sys.stderr, flush=True)
    _report(results_of(options.work, setting))


if __name__ == "__main__":
    main()
