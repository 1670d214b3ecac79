"""Several apps on one shared base: what a switch and an added app cost, and what swapping and routing do to the calls.

    octo export --adapter device --project android --beside vehicle --beside doordash --beside yelp
    python tests/benchmarks/many_apps.py WORK device android vehicle doordash yelp --questions 250

WORK keeps each app's answers in results.jsonl: what stands there is not asked again. The projects give the test rows
and the runs that were trained alone. "Swapped" asks an app's own adapter, as a user who picked the app; "routed" asks
all of them, with no hint; "in front" says which app is in the foreground; "another in front" names a wrong one.
"""

import argparse
import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from runs import keep_result, results_of

_WAYS = ("swapped", "routed", "in front", "another in front")


def _memory() -> float:
    """Resident megabytes of this process."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def _cost(folder: Path, apps: Sequence[str], queries: Mapping[str, str], switches: int) -> dict[str, Any]:
    """What a switch takes, and what each app adds to memory.

    A read of one more id is timed in a context that read before, and in one whose turn was another's: the difference of
    the medians is the switch.
    """
    from octocli.core.manifest import GGUF_KEY, parse_manifest
    from octocli.model.gguf_header import read_metadata
    from octocli.runtime.engine import prompt_ids
    from octocli.runtime.llama_engine import LlamaEngine
    from octocli.runtime.llama_model import LlamaModel

    resident = [_memory()]
    (base,) = folder.glob("base-*.gguf")
    model = LlamaModel(base)
    engines: dict[str, LlamaEngine] = {}
    prompts: dict[str, list[int]] = {}
    for app in apps:
        file = folder / f"{app}-lora.gguf"
        manifest = parse_manifest(json.loads(read_metadata(file)[GGUF_KEY]), str(file))
        engines[app] = LlamaEngine(model, manifest, adapter=file, shares=bool(engines))
        prompts[app] = prompt_ids(engines[app], queries[app])
        engines[app].read(prompts[app])
        resident.append(_memory())
    rng = random.Random(0)
    took: dict[str, list[float]] = {"stays": [], "switches": []}
    last = apps[0]
    for turn in range(2 * switches):
        kind = ("stays", "switches")[turn % 2]
        app = last if kind == "stays" else rng.choice([name for name in apps if name != last])
        # Another last id than before: all but this one is kept.
        prompts[app][-1] = prompts[app][-2] + turn % 7 + 1
        started = time.perf_counter()
        engines[app].read(prompts[app])
        took[kind].append(1000 * (time.perf_counter() - started))
        last = app
    for engine in reversed(engines.values()):
        engine.close()
    medians = {kind: round(statistics.median(times), 3) for kind, times in took.items()}
    return {
        "one_id_ms": medians,
        "switch_ms": round(medians["switches"] - medians["stays"], 3),
        "switches": switches,
        "megabytes": [round(after - before, 1) for before, after in itertools.pairwise(resident)],
        "files": {path.name: round(path.stat().st_size / 1e6, 1) for path in sorted(folder.glob("*.gguf"))},
    }


def _asked(folder: Path, project: Any, rows: Sequence[Any], way: str, others: Sequence[str]) -> dict[str, Any]:
    """Ask the rows of one app in one way."""
    from octocli.core.scoring import paired_rate, same_strictly
    from octocli.runtime.apps import open_apps
    from octocli.stages.checks import parse_clock
    from octocli.stages.evaluate import answers_of
    from octocli.stages.progress import silent

    app, spec = project.spec.app, project.spec
    alone = answers_of(project.run(), project.accepted_file, rows, "alone", silent)
    told: list[tuple[str, Sequence[Mapping[str, Any]]]] = []
    front = {"in front": app, "another in front": next(name for name in others if name != app)}.get(way)
    with open_apps(folder) as apps:
        for row in rows:
            now = parse_clock(row.now)
            if way == "swapped":
                told.append((app, apps.callers[app].ask(row.query, now=now).calls))
                continue
            routed = apps.ask(row.query, now=now, foreground=front)
            who = "+".join(name for name, _ in routed.answers) or "none"
            told.append((who, [call for _, answer in routed.answers for call in answer.calls]))
    right = [who == app and same_strictly(row.calls, calls, spec) for row, (who, calls) in zip(rows, told, strict=True)]
    was_right = [same_strictly(o.sample.calls, o.calls, spec) for o in alone]
    positive = [row.is_positive for row in rows]
    strict = paired_rate((b, a) for b, a, is_one in zip(was_right, right, positive, strict=True) if is_one)
    went = Counter(who for (who, calls), is_one in zip(told, positive, strict=True) if is_one and calls)
    return {
        "strict": strict.to_json(),
        "went": dict(went),
        "named": sum(
            who == app and [c["name"] for c in row.calls] == [c["name"] for c in calls]
            for row, (who, calls) in zip(rows, told, strict=True)
            if row.is_positive
        ),
        "refused": [sum(not calls for (_, calls), is_one in zip(told, positive, strict=True) if not is_one),
                    positive.count(False)],
    }  # fmt: skip


def _report(cost: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> None:
    print(
        f"a switch: {cost['switch_ms']:.2f} ms (one more id {cost['one_id_ms']['stays']:.2f} ms in the same app, "
        f"{cost['one_id_ms']['switches']:.2f} ms after another; medians of {cost['switches']})"
    )
    print(f"resident megabytes, base with the first app, then each: {cost['megabytes']}; files: {cost['files']}")
    print(f"{'app':<12}{'way':<18}{'alone':>8}{'so':>8}{'difference':>20}{'n':>7}{'right function':>16}{'refused':>12}")
    for result in results:
        strict = result["strict"]
        low, high = strict["interval"]
        print(
            f"{result['app']:<12}{result['way']:<18}{strict['before']['value']:>8.1%}{strict['after']['value']:>8.1%}"
            f"{f'{100 * low:+.1f} to {100 * high:+.1f}':>20}{strict['after']['n']:>7}"
            f"{result['named'] / max(1, strict['after']['n']):>16.1%}{'{} of {}'.format(*result['refused']):>12}"
        )


def main() -> None:
    """Ask what was not asked yet, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path, help="what octo export --adapter made")
    parser.add_argument("apps", type=Path, nargs="+", help="the project folders")
    parser.add_argument("--questions", type=int, default=250, help="test rows of each app")
    parser.add_argument("--switches", type=int, default=1000)
    parser.add_argument("--way", action="append", default=[], choices=_WAYS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    from octocli.core.project import file_hash, open_project
    from octocli.core.samples import read_samples

    projects = [open_project(path) for path in options.apps]
    names = [project.spec.app for project in projects]
    setting = {"apps": file_hash(options.folder / "apps.json"), "questions": options.questions}
    rows = {}
    for project in projects:
        test = [s for s in read_samples(project.accepted_file) if s.split == "test"]
        rows[project.spec.app] = random.Random(0).sample(test, min(options.questions, len(test)))
    cost = _cost(options.folder, names, {app: part[0].query for app, part in rows.items()}, options.switches)
    for way in options.way or _WAYS:
        for project in projects:
            what = {"app": project.spec.app, "way": way, **setting}
            if not results_of(options.work, what):
                keep_result(options.work, what, _asked(options.folder, project, rows[what["app"]], way, names))
                print(f"{what['app']}, {way}: done", flush=True)
    _report(cost, results_of(options.work, setting))


if __name__ == "__main__":
    main()
