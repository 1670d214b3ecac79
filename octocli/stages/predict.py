"""`octo predict`: answer a file of queries, line by line. A killed run goes on after its last whole line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.samples import Appender, read_lines, repair_tail
from octocli.stages.checks import parse_clock
from octocli.stages.progress import OnTick, Tick, silent


@dataclass(frozen=True)
class PredictReport:
    """How many lines were answered now, and how many had been before."""

    answered: int
    before: int
    out: Path


def predict(
    model: Path,
    queries: Path,
    out: Path,
    *,
    now: datetime | None = None,
    max_false_calls: float | None = None,
    on_tick: OnTick = silent,
) -> PredictReport:
    """Write each line of `queries` to `out` with `calls` and `confidence`; calls that were there move to `expected`.

    Args:
        model: a run folder or a GGUF.
        queries: JSONL, each line with a `query`.
        out: JSONL; lines that it holds already are kept, and the rest appended.
        now: the clock for lines that bring none of their own.
        max_false_calls: the share of unservable requests that may be answered with a call; by default the model's.
        on_tick: progress.

    Raises:
        BadInput: a line without a query, or an `out` that holds answers to other queries.
    """
    lines = list(_queries(queries))
    if out.is_dir() or (out.exists() and out.samefile(queries)):
        raise BadInput(f"{out}: cannot be written to", hint="choose another -o file")
    if out.exists() and out.read_bytes()[:1] not in (b"", b"{"):
        raise BadInput(f"{out}: holds something else than answers", hint="choose another -o file")
    repair_tail(out)
    done = _answered(out, lines)
    if done == len(lines):
        return PredictReport(0, done, out)
    from octocli.runtime.caller import open_caller

    with open_caller(model, max_false_calls=max_false_calls) as caller, Appender(out) as results:
        for index in range(done, len(lines)):
            clock = parse_clock(lines[index].get("now")) or now
            results.write(_answer(caller, lines[index], clock))
            on_tick(Tick("predict", index + 1, len(lines)))
    return PredictReport(len(lines) - done, done, out)


def _queries(path: Path) -> Iterator[dict[str, Any]]:
    empty = True
    for number, data in read_lines(path):
        if not isinstance(data, dict) or not isinstance(data.get("query"), str) or not data["query"].strip():
            raise BadInput(f"{path}:{number}: no 'query' in it", hint='a line is {"query": "..."}')
        if data.get("now") is not None and (not isinstance(data["now"], str) or parse_clock(data["now"]) is None):
            raise BadInput(f"{path}:{number}: 'now' is no ISO 8601 time", hint="write 2026-11-22T18:30")
        empty = False
        yield data
    if empty:
        raise BadInput(f"{path}: no queries in it", hint='write one {"query": "..."} a line')


def _answered(out: Path, lines: list[dict[str, Any]]) -> int:
    """How many leading lines `out` has answers to."""
    if not out.exists():
        return 0
    count = 0
    for number, data in read_lines(out):
        answers = isinstance(data, dict) and "calls" in data and "confidence" in data
        if count >= len(lines) or not answers or data.get("query") != lines[count]["query"]:
            raise BadInput(f"{out}:{number}: answers another query than the input", hint="choose another -o file")
        count += 1
    return count


def _answer(caller: Any, line: Mapping[str, Any], now: datetime | None) -> dict[str, Any]:
    try:
        answer = caller.ask(line["query"], now=now)
    except BadInput as error:
        return {**line, "error": error.message, "calls": [], "confidence": 0.0}
    kept = {k: v for k, v in line.items() if k not in ("calls", "confidence", "expected")}
    expected = {"expected": line["calls"]} if "calls" in line else {}
    if "expected" in line and not expected:
        expected = {"expected": line["expected"]}
    result = {**kept, **expected, "calls": list(answer.calls), "confidence": round(answer.confidence, 4)}
    return result if answer.finished else {**result, "unfinished": True}
