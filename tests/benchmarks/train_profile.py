"""Where the time of a training step goes: by part of the step, by kind of operation, and beside its bare products.

    python tests/benchmarks/train_profile.py --batch 1 --batch 4 --batch 8

The batches take turns in one process. The bare products are those of the base's own matrices (the vocabulary at learnt
positions), forward and back to their inputs, each matrix read anew as in a step. The rest is LoRA, attention and
everything small.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kits import make_project, prepare

KINDS = {
    "products": ("aten::mm", "aten::addmm", "aten::addmm_", "aten::bmm", "aten::baddbmm"),
    "attention": ("scaled_dot_product", "softmax"),
    "optimiser": ("_fused_adamw", "_foreach", "linalg_vector_norm"),
    "copies": ("aten::copy_", "aten::cat", "aten::index", "aten::embedding", "aten::clone"),
}

# Rows of the vocabulary at a time, as octo's loss takes them.
_BLOCK = 2048


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _step(made: Any, optimiser: Any, batch: Sequence[Any]) -> dict[str, float]:
    """Seconds of each part of one step."""
    import torch

    from octocli.model.training import batch_loss

    total = sum(sum(row.weights) for row in batch)
    losses: list[Any] = []
    parameters = [parameter for _, parameter in made.trainee.trained()]
    return {
        "forward": _timed(lambda: losses.append(batch_loss(made.trainee, batch, total))),
        "backward": _timed(lambda: losses[0].backward()),
        "clip": _timed(lambda: torch.nn.utils.clip_grad_norm_(parameters, 1.0)),
        "update": _timed(lambda: (optimiser.step(), optimiser.zero_grad(set_to_none=True))),
    }


def _steps(made: Any, optimiser: Any, order: Sequence[Sequence[Any]]) -> None:
    for batch in order:
        _step(made, optimiser, batch)


def _bare_products(made: Any, tokens: int, learnt: int) -> None:
    """Multiply with every matrix of the base that a step multiplies with, and with nothing else."""
    import torch

    from octocli.model.fused import LoraLinear
    from octocli.model.network import decoder_layers

    matrix = made.trainee.old_head
    for block in torch.split(matrix.detach(), _BLOCK):
        torch.ones(learnt, block.shape[1], dtype=block.dtype) @ block.T
        torch.ones(learnt, block.shape[0], dtype=block.dtype) @ block
    for layer in decoder_layers(made.trainee.causal_lm):
        learns = any(isinstance(part, LoraLinear) for part in layer.modules())
        for part in layer.modules():
            if isinstance(part, torch.nn.Linear):
                weight = part.weight
                torch.ones(tokens, part.in_features, dtype=weight.dtype) @ weight.T
                if learns:
                    torch.ones(tokens, part.out_features, dtype=weight.dtype) @ weight


def _kinds(run: Callable[[], Any]) -> dict[str, float]:
    """Share of the time by kind of operation."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        run()
    counted: Counter[str] = Counter()
    for event in profiler.key_averages():
        kind = next((k for k, names in KINDS.items() if any(name in event.key for name in names)), "everything else")
        counted[kind] += event.self_cpu_time_total
    return {kind: time / counted.total() for kind, time in counted.most_common()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--batch", type=int, action="append", default=[])
    parser.add_argument("--steps", type=int, default=14, help="of each batch")
    options = parser.parse_args()
    import torch

    from octocli.model.encoding import batches

    with tempfile.TemporaryDirectory() as folder:
        made = prepare(make_project(Path(folder) / "home", "smart-home", base=options.base))
    made.trainee.train()
    parameters = [parameter for _, parameter in made.trainee.trained()]
    optimiser = torch.optim.AdamW(parameters, lr=1e-5, fused=True)
    sizes = options.batch or [1, 4, 8]
    order = {size: list(batches([made.rows], size, 0))[: options.steps] for size in sizes}
    parts: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    bare: dict[int, list[float]] = {size: [] for size in sizes}
    for number in range(min(map(len, order.values()))):
        for size in sizes:
            batch = order[size][number]
            tokens, learnt = len(batch) * max(map(len, batch)), sum(len(row.learnt) for row in batch)
            parts[size].append(_step(made, optimiser, batch))
            bare[size].append(_timed(partial(_bare_products, made, tokens, learnt)))
    for size in sizes:
        rest = parts[size][2:] or parts[size]
        medians = {part: statistics.median(step[part] for step in rest) for part in rest[0]}
        whole, products = sum(medians.values()), statistics.median(bare[size])
        each = ", ".join(f"{part} {seconds:.3f}" for part, seconds in medians.items())
        print(f"batch {size}: {whole:.3f} s a step ({each}); the base's bare products {products:.3f} s")
        shares = _kinds(partial(_steps, made, optimiser, order[size][:4]))
        print("    " + ", ".join(f"{kind} {share:.0%}" for kind, share in shares.items()))


if __name__ == "__main__":
    main()
