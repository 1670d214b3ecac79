"""The training loop: AdamW over what a `Trainee` learns, with checkpoints that resume to the same numbers.

Takes encoded rows, gives trained parameters. Which samples, which base and where the result goes is the stage's
business.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from octocli.core.config import TrainSettings
from octocli.core.errors import BadInput, Refused
from octocli.model.encoding import Row, batches, count_batches
from octocli.model.network import Trainee

_LONGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Step:
    """One optimiser step, for progress and the curve."""

    number: int
    total: int
    loss: float
    lr: float
    samples: int


@dataclass(frozen=True)
class Curve:
    """Loss by step, and how long the training took in this and earlier sittings."""

    losses: tuple[float, ...]
    seconds: float
    resumed_at: int


def learning_rate(step: int, total: int, settings: TrainSettings) -> float:
    """The rate of step `step` (from 0): linear warm-up, then linear or cosine decay to zero."""
    if step < settings.warmup:
        return settings.peak_lr * (step + 1) / settings.warmup
    done = (step - settings.warmup) / max(1, total - settings.warmup)
    factor = 1 - done if settings.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done))
    return settings.peak_lr * factor


def fit(
    trainee: Trainee,
    passes: Sequence[Sequence[Row]],
    settings: TrainSettings,
    *,
    seed: int,
    checkpoint: Path,
    fingerprint: str,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Curve:
    """Train until the last batch; resume from `checkpoint` if one of the same `fingerprint` lies there.

    Args:
        trainee: what learns.
        passes: the rows of each pass over the data.
        settings: rate, batch and the like; the number of passes is that of `passes`.
        seed: of the order.
        checkpoint: where to keep the state on the way.
        fingerprint: what the training is made from; another one begins anew.
        on_step: told of every step.

    Raises:
        Refused: the loss is no longer a number.
    """
    parameters = dict(trainee.trained())
    # Fused: a loop over some four hundred small matrices took 6 % of a step.
    optimiser = torch.optim.AdamW(
        parameters.values(), lr=settings.peak_lr, weight_decay=settings.weight_decay, fused=True
    )
    total = count_batches(passes, settings.batch)
    losses, before = _resume(checkpoint, fingerprint, parameters, optimiser)
    first, started, saved = len(losses), time.monotonic(), time.monotonic()
    trainee.train()
    for number, batch in enumerate(batches(passes, settings.batch, seed)):
        if number < first:
            continue
        rate = learning_rate(number, total, settings)
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = batch_loss(trainee, batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Refused(f"step {number + 1}: the loss is {value}", hint="train again with a lower --lr")
        loss.backward()  # type: ignore[no-untyped-call]
        # One odd batch early on has thrown a whole run off; Adam keeps its length for a thousand steps.
        torch.nn.utils.clip_grad_norm_(parameters.values(), _LONGEST_GRADIENT)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        losses.append(value)
        on_step(Step(number + 1, total, value, rate, len(batch)))
        if time.monotonic() - saved > settings.checkpoint_seconds:
            _save(checkpoint, fingerprint, parameters, optimiser, losses, before + time.monotonic() - started)
            saved = time.monotonic()
    return Curve(tuple(losses), before + time.monotonic() - started, first)


def batch_loss(trainee: Trainee, rows: Sequence[Row]) -> Tensor:
    """The loss of a batch, padded on the right."""
    return trainee.loss(*(tensor.to(trainee.rows.device) for tensor in _collate(rows)))


def _collate(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids [samples, length] padded on the right, and for each learnt id its predecessor's flat position."""
    length = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    positions: list[int] = []
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row.given + row.learnt)
        start = index * length + len(row.given) - 1
        positions.extend(range(start, start + len(row.learnt)))
    targets = [i for row in rows for i in row.learnt]
    weights = [w for row in rows for w in row.weights]
    return ids, torch.tensor(positions), torch.tensor(targets), torch.tensor(weights)


def _save(
    path: Path,
    fingerprint: str,
    parameters: dict[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
    losses: list[float],
    seconds: float,
) -> None:
    state: dict[str, Any] = {
        "fingerprint": fingerprint,
        "parameters": {name: p.detach() for name, p in parameters.items()},
        "optimiser": optimiser.state_dict(),
        "losses": losses,
        "seconds": seconds,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    # One name for all sittings: what a kill leaves half-written is written over by the next.
    temporary = path.with_name(f"{path.name}.new")
    try:
        torch.save(state, temporary)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        raise BadInput(f"{path}: the checkpoint could not be written: {error}", hint="free some disk space") from None
    temporary.replace(path)


def _resume(
    path: Path, fingerprint: str, parameters: dict[str, torch.nn.Parameter], optimiser: torch.optim.Optimizer
) -> tuple[list[float], float]:
    """Load a checkpoint of the same run; one of other data or settings is passed over."""
    if not path.exists():
        return [], 0.0
    try:
        state = torch.load(path, weights_only=True)
    except Exception:  # whatever class torch gives it: a file that a full disk or a crash left in pieces
        return [], 0.0
    if state["fingerprint"] != fingerprint:
        return [], 0.0
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(state["parameters"][name])
    optimiser.load_state_dict(state["optimiser"])
    return list(state["losses"]), float(state["seconds"])
