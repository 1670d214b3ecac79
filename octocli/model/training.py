"""The training loop: AdamW over what a `Trainee` learns, by one process or by many, to the same numbers.

Takes encoded rows, gives trained parameters. Which samples, which base and where the result goes is the stage's
business; `checkpoints` keeps the state on the way.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from octocli.core.config import TrainSettings
from octocli.core.errors import Refused
from octocli.model.checkpoints import Checkpoint, restore
from octocli.model.encoding import Row, batches, count_batches
from octocli.model.interrupts import Interrupts
from octocli.model.network import Trainee
from octocli.model.processes import ALONE, Processes

_LONGEST_GRADIENT = 1.0
# A lost training shows within so many steps; the mean loss of its first and of its latest ten tells, as single batches
# differ by a factor. Two such means of a loss that stands still lie closer than this.
_PATIENCE = 60
_READING = 10
_GROWN = 1.25


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
    """Loss by step, seconds in this and earlier sittings, rows that memory held at once, processes in this sitting."""

    losses: tuple[float, ...]
    seconds: float
    resumed_at: int
    at_once: int
    processes: int


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
    checkpoint: Checkpoint,
    processes: Processes = ALONE,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Curve:
    """Train until the last batch, from where `checkpoint` left off.

    Args:
        trainee: what learns.
        passes: the rows of each pass over the data.
        settings: rate, batch and the like; the number of passes is that of `passes`.
        seed: of the order.
        checkpoint: where the state is kept on the way.
        processes: who shares the work; each has the same trainee and the same passes.
        on_step: told of every step.

    Raises:
        Refused: the loss is no longer a number or grows, or memory does not suffice for a single row.
        KeyboardInterrupt: somebody asked to stop; the checkpoint is of the last whole step.
    """
    parameters = dict(trainee.trained())
    # Fused: a loop over some four hundred small matrices took 6 % of a step.
    optimiser = torch.optim.AdamW(
        parameters.values(), lr=settings.peak_lr, weight_decay=settings.weight_decay, fused=True
    )
    total = count_batches(passes, settings.batch)
    processes.start_alike(list(parameters.values()))
    state = processes.from_first(checkpoint.read() if processes.is_first else None)
    losses, before = restore(state, parameters, optimiser)
    first, at_once = len(losses), settings.batch
    started = saved = time.monotonic()
    trainee.train()

    def save() -> None:
        if processes.is_first:
            checkpoint.save(parameters, optimiser, losses, before + time.monotonic() - started)

    with Interrupts() as interrupts:
        for number, batch in enumerate(batches(passes, settings.batch, seed)):
            if number < first:
                continue
            loss, at_once = _backward(trainee, batch, at_once, processes)
            loss, asked, short = _agree(list(parameters.values()), loss, interrupts.asked, not at_once, processes)
            _check(number, loss, losses, short=short)
            rate = learning_rate(number, total, settings)
            _update(optimiser, rate)
            losses.append(loss)
            on_step(Step(number + 1, total, loss, rate, len(batch)))
            if asked:
                save()
                processes.wait()  # who leaves first has the launcher stop the others
                raise KeyboardInterrupt
            if time.monotonic() - saved > settings.checkpoint_seconds:
                save()
                saved = time.monotonic()
        if interrupts.asked and processes.count == 1:  # after the last step had begun
            save()
            raise KeyboardInterrupt
    return Curve(tuple(losses), before + time.monotonic() - started, first, at_once, processes.count)


def _backward(trainee: Trainee, batch: Sequence[Row], at_once: int, processes: Processes) -> tuple[float, int]:
    """Add the gradients of this process's rows, `at_once` at a time; where memory is short fewer, then less of each.

    Returns the rows' part of the batch's loss, and how many rows memory held: 0 where it did not hold one.
    """
    rows, total = processes.mine(batch), sum(sum(row.weights) for row in batch)
    while True:
        try:
            parts = [rows[i : i + at_once] for i in range(0, len(rows), at_once)]
            return sum(_backward_part(trainee, part, total) for part in parts), at_once
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
        trainee.zero_grad(set_to_none=True)
        if at_once == 1 and not trainee.save_memory():
            return 0.0, 0
        at_once = -(-min(at_once, len(rows)) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _backward_part(trainee: Trainee, rows: Sequence[Row], total: float) -> float:
    loss = batch_loss(trainee, rows, total)
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _is_out_of_memory(error: RuntimeError) -> bool:
    # The CPU's allocator has no class of its own (c10/core/impl/alloc_cpu.cpp).
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _agree(
    parameters: Sequence[torch.nn.Parameter], loss: float, asked: bool, short: bool, processes: Processes
) -> tuple[float, bool, bool]:
    """Give each process the gradients, the loss, the wish to stop and the lack of memory of all of them."""
    if processes.count == 1:
        return loss, asked, short
    for parameter in parameters:
        if parameter.grad is None:  # more processes than rows
            parameter.grad = torch.zeros_like(parameter)
    told = parameters[0].new_tensor([loss, float(asked), float(short)])
    processes.add_up([*(p.grad for p in parameters if p.grad is not None), told])
    return float(told[0]), bool(told[1]), bool(told[2])


def _update(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """One step along the gradients, which are cleared."""
    for group in optimiser.param_groups:
        group["lr"] = rate
        # One odd batch early on has thrown a whole run off; Adam keeps its length for a thousand steps.
        torch.nn.utils.clip_grad_norm_(group["params"], _LONGEST_GRADIENT)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


def _check(number: int, loss: float, losses: Sequence[float], *, short: bool) -> None:
    """Stop a training that is lost: advice now is worth more than a model that answers nothing later."""
    if short:
        raise Refused(
            f"step {number + 1}: memory does not suffice for one sample at a time",
            hint="a smaller base, fewer layers (train.upper) or a lower --rank take less",
        )
    if not math.isfinite(loss):
        raise Refused(f"step {number + 1}: the loss is {loss}", hint="train again with a lower --lr")
    if len(losses) < _PATIENCE:
        return
    began, now = statistics.mean(losses[:_READING]), statistics.mean(losses[-_READING:])
    if now > _GROWN * began:
        raise Refused(
            f"step {number + 1}: the loss is at {now:.2f} and began at {began:.2f}: it grows",
            hint="train again with a lower --lr",
        )


def batch_loss(trainee: Trainee, rows: Sequence[Row], total: float) -> Tensor:
    """The rows' part of the loss of a batch whose loss weights add up to `total`."""
    ids, positions, targets, weights = (tensor.to(trainee.rows.device) for tensor in _collate(rows))
    return trainee.loss(ids, positions, targets, weights / total)


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
