"""Training speed, memory and held-out accuracy beside what a user would otherwise write.

    python tests/benchmarks/train_speed.py --rounds 3
    python tests/benchmarks/train_speed.py --kit "octo as shipped" --kit loop --passes 2 --rows 2000 --accuracy 0.9

Each run has a process of its own, and the kits take turns, so that a machine whose speed drifts slows all of them. With
`--accuracy`, a part of the test split is asked on the way, and the time until so much of it is right is reported; the
asking is not timed. The kits are in kits.py. TRL is an extra: pip install '.[bench]'.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kits import KITS, Task, Watch, make_project, prepare

# How often the held-out rows are asked, and how many of them.
_LOOKS = 8
_HELD_OUT = 240


@dataclass(frozen=True)
class Speed:
    """What one run of a kit gave: samples per second after the first steps, and the process's peak memory."""

    kit: str
    samples_per_second: float
    peak_mb: int
    loss: float
    readings: list[tuple[float, float]]

    def seconds_to(self, accuracy: float) -> float | None:
        """Training time until so many of the held-out rows were right for the first time."""
        return next((seconds for seconds, value in self.readings if value >= accuracy), None)


def _measure(kit: str, task: Task, looks: bool) -> Speed:
    """Run one kit in this process."""
    steps = -(-task.rows // task.batch) * task.passes
    watch = Watch(every=max(1, steps // _LOOKS) if looks else 0)
    loss = KITS[kit](task, watch, _HELD_OUT)
    return Speed(kit, round(watch.speed(task.batch), 3), _peak_mb(), round(loss, 3), watch.readings)


def _peak_mb() -> int:
    """The most memory that this process held. `ru_maxrss` outlives exec, so it may be the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1 << 10)
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) // 1024


def floor(project: Any, batch: int) -> dict[str, float]:
    """The floor of a step: products of the layers that must run, over the rate at which this machine multiplies.

    Forward through every layer and backward to its inputs, the head at learnt positions only, in the precision that
    octo settles on here. LoRA, attention, padding and everything elementwise are left out.
    """
    import torch

    from octocli.model.fused import LoraLinear

    made = prepare(project, upper=1.0, describe=0.0)
    config = made.trainee.causal_lm.config.get_text_config()
    linear = sum(m.base.weight.numel() for m in made.trainee.modules() if isinstance(m, LoraLinear))
    matrix = made.trainee.old_head
    tokens, learnt = statistics.mean(map(len, made.rows)), statistics.mean(len(r.learnt) for r in made.rows)
    work = 4 * (tokens * linear + learnt * matrix.numel())
    x = torch.randn(int(tokens * batch), config.hidden_size).to(matrix.dtype)
    w = torch.randn(config.intermediate_size, config.hidden_size).to(matrix.dtype)
    times = []
    for _ in range(60):
        start = time.perf_counter()
        x @ w.T
        times.append(time.perf_counter() - start)
    rate = 2 * x.numel() * len(w) / statistics.median(times)
    return {"gflop_per_sample": work / 1e9, "gflops": rate / 1e9, "samples_per_second": rate / work}


def main() -> None:
    """Measure all kits, or those that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--rows", type=int, default=160, help="training rows a pass")
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--rounds", type=int, default=1, help="runs of each kit, in turns")
    parser.add_argument("--kit", choices=KITS, action="append", help="only these")
    parser.add_argument("--accuracy", type=float, help="report the time to this held-out function choice")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        from octocli.core.project import open_project

        task = Task(open_project(options.inside), options.rows, options.batch, options.passes, options.lr)
        print(json.dumps(asdict(_measure(options.kit[0], task, options.accuracy is not None))))
        return
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "home", "smart-home", base=options.base)
        bound = floor(project, options.batch)
        speeds = [_alone(kit, project.root) for _ in range(options.rounds) for kit in options.kit or KITS]
    _report(speeds, bound, options.accuracy)


def _alone(kit: str, project: Path) -> Speed:
    """One run in a process of its own, so that its peak memory is its own."""
    # The last --kit is not the first: the process takes the one that it is told first.
    command = [sys.executable, __file__, "--kit", kit, "--inside", str(project), *sys.argv[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{kit}: {done.stderr[-2000:]}")
    speed = Speed(**json.loads(done.stdout.splitlines()[-1]))
    print(f"{kit}: {speed.samples_per_second:.2f} samples/s, {speed.peak_mb} MB", file=sys.stderr, flush=True)
    return speed


def _report(speeds: Sequence[Speed], bound: dict[str, float], accuracy: float | None) -> None:
    print(f"floor: {bound['gflop_per_sample']:.1f} GFLOP a sample at {bound['gflops']:.0f} GFLOP/s: "
          f"{bound['samples_per_second']:.1f} samples/s")  # fmt: skip
    print(f"{'kit':16} {'samples/s':>9} {'of trl':>7} {'peak MB':>8} {'loss':>6}")
    by_kit = {kit: [s for s in speeds if s.kit == kit] for kit in dict.fromkeys(s.kit for s in speeds)}
    median = {kit: statistics.median(s.samples_per_second for s in found) for kit, found in by_kit.items()}
    for kit, found in by_kit.items():
        ratio = f"{median[kit] / median['trl']:.2f}" if "trl" in median else ""
        print(f"{kit:16} {median[kit]:9.2f} {ratio:>7} {max(s.peak_mb for s in found):8} {found[-1].loss:6.2f}")
    if accuracy is not None:
        for speed in speeds:
            _report_accuracy(speed, accuracy)


def _report_accuracy(speed: Speed, accuracy: float) -> None:
    seconds = speed.seconds_to(accuracy)
    reached = "not reached" if seconds is None else f"reached in {seconds:.0f} s"
    course = ", ".join(f"{value:.1%} at {at:.0f} s" for at, value in speed.readings)
    print(f"{speed.kit}: {accuracy:.0%} {reached}; {course}")


if __name__ == "__main__":
    main()
