"""What `octo verify` takes for a large store: seconds, samples a second, peak memory, and the time of each check.

    python tests/benchmarks/verify_speed.py WORK --samples 50000 --template android --template yelp --near 0.1

The store is the built-in teacher's for a template, with a share of near-doubles made from its rows: a word of the
request that is no value is mistyped, left out or said again elsewhere. It is made once and kept in WORK. Verify runs in
a process of its own, so its peak memory is its own.
"""

import argparse
import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

# Held-out rows of a function for each of its training rows, as the default plan has it.
_HELD_OUT = 0.67


def store_of(work: Path, template: str, samples: int, near: float) -> Any:
    """A project with so many samples, made once; the time it took is told when it is made."""
    from octocli.core.project import open_project
    from octocli.core.samples import read_samples, write_samples
    from octocli.stages.scaffold import scaffold
    from octocli.stages.synthesize import synthesize

    folder = work / f"{samples}-near-{near:g}" / template
    if (folder / "made.json").exists():
        return open_project(folder)
    if not (folder / "octo.toml").exists():
        scaffold(folder, template=template)
    _plan(folder, round(samples * (1 - near)))
    project = open_project(folder)
    started = time.perf_counter()
    made = synthesize(project)
    seconds = time.perf_counter() - started
    rows = read_samples(project.samples_file)
    rng = random.Random(0)
    doubles = [double for row in rng.sample(rows, round(len(rows) * near / (1 - near))) for double in _double(row, rng)]
    write_samples(project.samples_file, [*rows, *doubles])
    told = {"samples": made.total, "near-doubles": len(doubles), "seconds": round(seconds, 1)}
    (folder / "made.json").write_text(json.dumps(told), encoding="utf-8")
    print(f"{template}: {made.total} samples made in {seconds:.1f} s ({made.total / seconds:.0f} a second)", flush=True)
    return project


def _plan(folder: Path, samples: int) -> None:
    """Have the teacher write about so many samples."""
    from octocli.core.project import open_project

    config = open_project(folder).config.synth
    sides = 1 + _HELD_OUT * 1.25  # validation has a quarter of the test rows
    functions = len(open_project(folder).spec.functions)
    size = max(1, round(samples / functions / sides / (1 + config.negatives)))
    file = folder / "octo.toml"
    text = re.sub(r"(?m)^(per_function|held_out_per_function) = .*\n", "", file.read_text(encoding="utf-8"))
    told = f"[synth]\nper_function = {size}\nheld_out_per_function = {max(1, round(size * _HELD_OUT))}"
    file.write_text(text.replace("[synth]", told, 1), encoding="utf-8")


def _double(sample: Any, rng: random.Random) -> Iterator[Any]:
    """Yield nearly the same request with the same calls, where it has a word to spare."""
    from octocli.core.splits import normal

    values = set(normal(json.dumps([sample.calls, sample.said])).split())
    words = sample.query.split()
    places = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha() and word.lower() not in values]
    if places and len(words) > 2:
        at = rng.choice(places)
        word = words[at]
        letter = rng.randrange(1, len(word) - 1)
        way = rng.randrange(3)
        words[at] = "" if way == 0 else word[:letter] + word[letter + 1 :] if way == 1 else word
        extra = ["please"] if way == 2 else []
        query = " ".join(w for w in [*extra, *words] if w)
        yield replace(sample, query=query, teacher="", skeleton=None, split=None, kind="positive", extra={})


def measured(project: Path) -> dict[str, Any]:
    """Verify a store in this process."""
    from octocli.core.project import open_project
    from octocli.stages.verify import verify

    opened = open_project(project)
    started = time.perf_counter()
    worked = time.process_time()
    report = verify(opened)
    seconds, worked = time.perf_counter() - started, time.process_time() - worked
    return {"seconds": seconds, "cpu_seconds": worked, "peak_mb": _peak_mb(), "report": asdict(report)}


def _peak_mb() -> int:
    """The most memory that this process held. `ru_maxrss` outlives exec, so it may be the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1 << 10)
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) // 1024


def _alone(project: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, str(project), "--inside"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _show(template: str, found: dict[str, Any]) -> None:
    report, seconds = found["report"], found["seconds"]
    rows = report["checks"]["schema"]["looked_at"]
    # On a busy machine the two times differ; one core works, so a quiet one takes the processor's.
    print(f"{template}: {rows} samples in {seconds:.1f} s ({found['cpu_seconds']:.1f} s of the processor), "
          f"{rows / seconds:.0f} samples/s, peak {found['peak_mb']} MB")  # fmt: skip
    print(f"  {'check':16} {'looked at':>9} {'caught':>7} {'seconds':>8}")
    for name, check in report["checks"].items():
        print(f"  {name:16} {check['looked_at']:9} {check['caught']:7} {check['seconds']:8.1f}")
    rest = seconds - sum(check["seconds"] for check in report["checks"].values())
    print(f"  {'files, report':16} {'':9} {'':7} {rest:8.1f}", flush=True)


def main() -> None:
    """Measure each template, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for the stores")
    parser.add_argument("--template", action="append", default=[])
    parser.add_argument("--samples", type=int, default=50_000)
    parser.add_argument("--near", type=float, default=0.1, help="share of near-doubles")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measured(options.work)))
        return
    for template in options.template or ["android"]:
        project = store_of(options.work, template, options.samples, options.near)
        for _ in range(options.rounds):
            _show(template, _alone(project.root))


if __name__ == "__main__":
    main()
