"""The training loop: AdamW over what a `Trainee` learns, by one process or by many, to the same numbers.

Takes encoded rows, gives trained parameters. Which samples, which base and where the result goes is the stage's
business; `checkpoints` keeps the state on the way.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from octocli.core.config import TrainSettings
from octocli.core.errors import Refused
from octocli.model.checkpoints import Checkpoint, restore, snapshot
from octocli.model.encoding import Row, batches, count_batches
from octocli.model.interrupts import Interrupts
from octocli.model.network import Trainee
from octocli.model.processes import ALONE, Processes
from octocli.model.sharding import Learnt, learnt_by, spread

_LONGEST_GRADIENT = 1.0
# A lost training shows within so many steps; the mean loss of its first and of its latest ten tells, as single batches
# differ by a factor. Two such means of a loss that stands still lie closer than this.
_PATIENCE = 60
_READING = 10
_GROWN = 1.25
# Below this loss nothing is lost: what goes on from trained weights begins low, and its batches differ as much.
_LOST = 1.0


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
    """Loss by step, and seconds in this and earlier sittings.

    Of this sitting: rows that memory held at once, whether layers were computed twice for its sake, and processes.
    """

    losses: tuple[float, ...]
    seconds: float
    resumed_at: int
    at_once: int
    recomputed: bool
    processes: int


# Of what was written as it is.
NO_STEPS = Curve((), 0.0, 0, 0, recomputed=False, processes=1)


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
    # The base's weights come from the same file everywhere; what starts random hangs on the kind of device.
    processes.start_alike([p for name, p in trainee.trained() if settings.method == "lora" or "rows" in name])
    if settings.method == "full" and processes.count > 1:
        spread(trainee, processes)
    learnt = learnt_by(trainee)
    # Fused: a loop over some four hundred small matrices took 6 % of a step.
    optimiser = torch.optim.AdamW(
        learnt.own.values(), lr=settings.peak_lr, weight_decay=settings.weight_decay, fused=True
    )
    total = count_batches(passes, settings.batch)
    state = checkpoint.read() if processes.is_first else None
    losses, before = restore(state, learnt, optimiser, processes)
    del state
    first, at_once = len(losses), settings.batch
    started = saved = time.monotonic()
    trainee.train()

    def save() -> None:
        state = snapshot(learnt, optimiser, losses, before + time.monotonic() - started, processes)
        if processes.is_first:
            checkpoint.save(state)

    with Interrupts() as interrupts:
        for number, batch in enumerate(batches(passes, settings.batch, seed)):
            if number < first:
                continue
            loss, at_once = _backward(trainee, batch, at_once, processes, retries=not learnt.is_spread)
            due = processes.is_first and time.monotonic() - saved > settings.checkpoint_seconds
            loss, asked, short, due = _agree(learnt, processes, loss, interrupts.asked, not at_once, due)
            _check(number, loss, losses, short=short)
            rate = learning_rate(number, total, settings)
            _clip(learnt, processes)
            _update(optimiser, rate)
            losses.append(loss)
            on_step(Step(number + 1, total, loss, rate, len(batch)))
            if asked:
                save()
                processes.wait()  # who leaves first has the launcher stop the others
                raise KeyboardInterrupt
            if due:
                save()
                saved = time.monotonic()
        save()  # what comes after the last step may be stopped, too
        if interrupts.asked and processes.count == 1:  # after the last step had begun
            raise KeyboardInterrupt
    return Curve(
        tuple(losses), before + time.monotonic() - started, first, at_once, trainee.recomputes, processes.count
    )


def _backward(
    trainee: Trainee, batch: Sequence[Row], at_once: int, processes: Processes, *, retries: bool
) -> tuple[float, int]:
    """Add the gradients of this process's rows, `at_once` at a time; where memory is short fewer, then less of each.

    Returns the rows' part of the batch's loss, and how many rows memory held: 0 where it did not hold one. Without
    `retries`, as in a training that is spread, the others would wait for ever.
    """
    total = sum(sum(row.weights) for row in batch)
    rows = processes.mine(batch) or [_silenced(batch[0])]
    while True:
        try:
            parts = [rows[i : i + at_once] for i in range(0, len(rows), at_once)]
            return sum(_backward_part(trainee, part, total) for part in parts), at_once
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if not retries:
                smaller = "a smaller train.batch or " if len(rows) > 1 else ""
                raise Refused(
                    f"memory does not suffice for {len(rows)} samples in one process",
                    hint=f"{smaller}more processes give each of them less to hold",
                ) from None
        trainee.zero_grad(set_to_none=True)
        if at_once == 1 and not trainee.recompute_layers():
            return 0.0, 0
        at_once = -(-min(at_once, len(rows)) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _silenced(row: Row) -> Row:
    """A row for a process that got none of the batch, so that it takes part in what all do together."""
    return replace(row, weights=(0.0,) * len(row.weights))


def _backward_part(trainee: Trainee, rows: Sequence[Row], total: float) -> float:
    loss = batch_loss(trainee, rows, total)
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())


def _is_out_of_memory(error: RuntimeError) -> bool:
    # The CPU's allocator has no class of its own (c10/core/impl/alloc_cpu.cpp).
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _agree(
    learnt: Learnt, processes: Processes, loss: float, asked: bool, short: bool, due: bool
) -> tuple[float, bool, bool, bool]:
    """Give each process the gradients, the loss, the wish to stop, the lack of memory and the wish to save of all."""
    if processes.count == 1:
        return loss, asked, short, due
    learnt.take_gradients()
    told = next(iter(learnt.own.values())).new_tensor([loss, float(asked), float(short), float(due)])
    processes.add_up([*learnt.gradients(of_spread=False), told])
    return float(told[0]), bool(told[1]), bool(told[2]), bool(told[3])


def _clip(learnt: Learnt, processes: Processes) -> None:
    """Cut the gradient of all parameters to its greatest length.

    One odd batch early on has thrown a whole run off; Adam keeps its length for a thousand steps.
    """
    if not learnt.is_spread:
        torch.nn.utils.clip_grad_norm_(learnt.own.values(), _LONGEST_GRADIENT)
        return
    parts, wholes = learnt.gradients(of_spread=True), learnt.gradients(of_spread=False)
    squares = torch.stack([part.square().sum() for part in parts]).sum()
    processes.add_up([squares])
    length = (squares + torch.stack([whole.square().sum() for whole in wholes]).sum()).sqrt()
    factor = (_LONGEST_GRADIENT / (length + 1e-6)).clamp(max=1.0)  # as clip_grad_norm_ has it
    for gradient in (*parts, *wholes):
        gradient.mul_(factor)


def _update(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """One step along the gradients, which are cleared."""
    for group in optimiser.param_groups:
        group["lr"] = rate
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
    if now > _GROWN * began and now > _LOST:
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
