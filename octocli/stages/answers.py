"""What a model answered: kept beside its run by `octo eval`, so that `octo export` need not ask the same again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli import __version__
from octocli.core.project import file_hash, read_record
from octocli.core.samples import Sample, write_atomically
from octocli.runtime.decoding import REVISION

Calls = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Outcome:
    """One question with what was expected (`sample.calls`) and what came."""

    sample: Sample
    calls: Calls
    confidence: float
    ids: tuple[int, ...]
    finished: bool = True


def made_from(run: Path, data: Path) -> dict[str, str]:
    """What answers hang on: hashes of the run in the folder `run` and of the questions, and octo's way to decode."""
    octo = f"{__version__}, decoding {REVISION}"
    return {"run": file_hash(run / "run.json"), "data": file_hash(data), "octo": octo}


def keep_answers(run: Path, source: Mapping[str, str], outcomes: Sequence[Outcome]) -> None:
    """Write `answers.json` into the folder `run`; `source` is `made_from` as it was before the first question."""
    answers = [
        {
            "query": o.sample.query,
            "now": o.sample.now,
            "calls": list(o.calls),
            "confidence": round(o.confidence, 4),
            "ids": list(o.ids),
            "finished": o.finished,
        }
        for o in outcomes
    ]
    record = {"version": 1, "made_from": dict(source), "answers": answers}
    write_atomically(run / "answers.json", json.dumps(record, ensure_ascii=False) + "\n")


def kept_answers(run: Path, data: Path, samples: Sequence[Sample]) -> list[Outcome] | None:
    """The answers that the run as it is now gave to `samples` of `data`; None unless every one was kept."""
    record = read_record(run / "answers.json")
    if record.get("made_from") != made_from(run, data):
        return None
    kept = {(a["query"], a["now"]): a for a in record["answers"]}
    if not all((s.query, s.now) in kept for s in samples):
        return None
    return [_outcome(s, kept[s.query, s.now]) for s in samples]


def _outcome(sample: Sample, answer: Mapping[str, Any]) -> Outcome:
    return Outcome(
        sample, tuple(answer["calls"]), answer["confidence"], tuple(answer["ids"]), finished=answer["finished"]
    )
