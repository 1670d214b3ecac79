"""What all tests share: no network, one thread for each core that is ours, no chatter of libraries.

Set before any heavy package is imported, since they read their settings once. Bases are read from the user's cache
(`$OCTO_CACHE`): dequantising the starter once is enough for all runs.
"""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

os.environ.setdefault("OMP_NUM_THREADS", str(_cores))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MPLBACKEND", "Agg")
# The same examples in every run: a test that fails on some machines only is of no use to whoever is waiting for CI.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")


@pytest.fixture()
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the script's entry point in this process; what it raises is a traceback for the user."""
    from tiny_projects import Ran

    from octocli.cli import main

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def go(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["octo", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main.run()
        except SystemExit as exit_:
            code = exit_.code or 0
        return Ran(int(code), *capsys.readouterr())

    return go
