"""What each ingredient of the built-in teacher adds to a student: all of them, then all but one, then next to none.

    python tests/benchmarks/teacher_ingredients.py WORK --spec api.json --queries people.jsonl
    python tests/benchmarks/teacher_ingredients.py WORK --spec api.json --queries people.jsonl --without noise

`people.jsonl` holds samples that no teacher of octo wrote (`tests/queries/` has some). Every student has as many rows
a function, the default settings and the same seed; only the teacher differs. Each run adds a line to
WORK/results.jsonl, and one that stands there is not made again. Intervals are Wilson's, of the queries alone: a second
seed may differ by more than a query or two.
"""

import argparse
import copy
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from kits import some
from runs import keep_result, results_of

from octocli.teachers.builtin import teacher
from octocli.teachers.builtin.english import English
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.lexicon import WORDS, Lexicon

WHOLE, BARE = "nothing", "all of these"
SCORES = ("function_choice", "recall", "relaxed", "strict", "abstention")


class _Plainest:
    """Every value in its plainest words: the first of those that English has for it."""

    def __init__(self, spoken: Any) -> None:
        self._spoken = spoken

    def __getattr__(self, name: str) -> Callable[..., list[str]]:
        say = getattr(self._spoken, name)
        return lambda *given, **options: [] if name.startswith("relative") else say(*given, **options)[:1]


def _plain_values(language: English) -> None:
    language.spoken = _Plainest(language.spoken)
    language.words.enums = {}


def _one_frame(language: English) -> None:
    slots = {"command": "{c}", "question": "{q}", "noun": "{n}", "statement": "{s}"}
    for form, slot in slots.items():
        language.words.frames[form] = [f for f in language.words.frames[form] if f.text == slot]


def _no_noise(language: English) -> None:
    language.roughened = lambda pattern, rng, question=False: pattern  # type: ignore[method-assign]


def _no_phrase_book(language: English) -> None:
    language.words.constructs = []


def _own_texts(language: English) -> None:
    """Messages and tasks from their own lists alone, as short as these are."""
    pools = language.words.pools
    pools["message"], pools["task"] = pools["short_message"], pools["chore"]


def _one_verb(language: English) -> None:
    groups = copy.deepcopy(language.words.verbs["groups"])
    for group in groups:
        group["say"] = group["say"][:1]
    language.words.verbs = {**language.words.verbs, "groups": groups}


INGREDIENTS: Mapping[str, Callable[[English], None]] = {
    "the phrase book's sentences": _no_phrase_book,
    "several verbs for one thing": _one_verb,
    "frames": _one_frame,
    "many words for one value": _plain_values,
    "messages that say anything": _own_texts,
    "noise": _no_noise,
    "descriptions": lambda language: None,
    "negatives": lambda language: None,
}


def _language(without: Sequence[str]) -> Language:
    """English with everything, but for these ingredients; its words are its own."""
    language = English(Lexicon(WORDS / "en"))
    for name in without:
        INGREDIENTS[name](language)
    return language


def _undescribed(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec whose descriptions say no more than the names do; what they quote is lost with them."""
    functions = []
    for function in spec["functions"]:
        schema = function.get("parameters", {})
        properties = {n: {**p, "description": _read(n)} for n, p in schema.get("properties", {}).items()}
        parameters = {**schema, "properties": properties}
        functions.append({**function, "description": _read(function["name"]), "parameters": parameters})
    return {**spec, "functions": functions}


def _read(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip()


def _made(folder: Path, options: argparse.Namespace, without: Sequence[str]) -> Any:
    """A project of the spec, its samples written by a teacher without these."""
    from octocli.core.project import open_project
    from octocli.stages.scaffold import scaffold
    from octocli.stages.synthesize import synthesize
    from octocli.stages.verify import verify

    if (folder / "data" / "accepted.jsonl").exists():
        return open_project(folder)
    scaffold(folder, spec_file=options.spec)
    project = open_project(folder)
    if "descriptions" in without:
        spec = json.loads(project.spec_file.read_text(encoding="utf-8"))
        project.spec_file.write_text(json.dumps(_undescribed(spec)), encoding="utf-8")
        project = open_project(folder)
    negatives = 0.0 if "negatives" in without else None
    with patch.object(teacher, "language_of", lambda code: _language(without)):
        synthesize(project, per_function=options.per_function, negatives=negatives)
    verify(project)
    return project


def _scores(options: argparse.Namespace, without: Sequence[str], folder: Path, queries: Path) -> dict[str, Any]:
    from octocli.stages.evaluate import evaluate
    from octocli.stages.train import train

    project = _made(folder, options, without)
    trained = train(project)
    card = evaluate(project, trained.run, data=queries).card.whole
    return {"rows": trained.samples, "steps": trained.steps, **{name: card[name].to_json() for name in SCORES}}


def _report(results: Sequence[Mapping[str, Any]]) -> None:
    for result in results:
        cells = [f"{result[s]['value']:.1%} ({result[s]['low']:.1%} to {result[s]['high']:.1%}) of {result[s]['n']}"
                 for s in SCORES if result[s]["n"]]  # fmt: skip
        said = [name for name in SCORES if result[name]["n"]]
        print(f"without {result['without']}: {result['rows']} rows; "
              + "; ".join(f"{name} {cell}" for name, cell in zip(said, cells, strict=True)))  # fmt: skip


def main() -> None:
    """Train what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--spec", type=Path, required=True, help="an API description that octo reads")
    parser.add_argument("--queries", type=Path, required=True, help="JSONL of samples that people wrote")
    parser.add_argument("--most", type=int, default=300, help="queries that are asked at most, drawn once")
    parser.add_argument("--per-function", type=int, default=40)
    parser.add_argument("--without", action="append", choices=[WHOLE, *INGREDIENTS, BARE], default=[])
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    from octocli.core.samples import read_samples, write_samples

    queries = options.work / "queries.jsonl"
    write_samples(queries, some(list(read_samples(options.queries)), options.most))
    setting = {"spec": options.spec.name, "queries": options.queries.name, "most": options.most,
               "per_function": options.per_function}  # fmt: skip
    for name in options.without or [WHOLE, *INGREDIENTS, BARE]:
        what = {"without": name} | setting
        if not results_of(options.work, what):
            left_out = [] if name == WHOLE else list(INGREDIENTS) if name == BARE else [name]
            folder = options.work / re.sub(r"\W+", "-", name) / "app"
            keep_result(options.work, what, _scores(options, left_out, folder, queries))
            print(f"without {name}: done", file=sys.stderr, flush=True)
    _report(results_of(options.work, setting))


if __name__ == "__main__":
    main()
