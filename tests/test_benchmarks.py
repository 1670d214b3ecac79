"""The benchmarks run and report; what they measure is for people, and on a quiet machine."""

import subprocess
import sys
from pathlib import Path

from tiny_projects import base

ROOT = Path(__file__).resolve().parents[1]


def test_training_speed_is_reported_for_each_kit() -> None:
    command = [sys.executable, str(ROOT / "tests/benchmarks/train_speed.py"), "--base", str(base()), "--rounds", "1"]
    done = subprocess.run(
        [*command, "--rows", "40", "--kit", "octo", "--kit", "trainer"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = {line.split("  ")[0]: line.split() for line in done.stdout.splitlines()}
    assert "GFLOP/s" in done.stdout
    assert all(float(lines[kit][1]) > 0 and int(lines[kit][2]) > 0 for kit in ("octo", "trainer"))
