"""What all tests share: no network, one thread for each core that is ours, no chatter of libraries.

Set before any heavy package is imported, since they read their settings once. Bases are read from the user's cache
(`$OCTO_CACHE`): dequantising the starter once is enough for all runs.
"""

import os

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
