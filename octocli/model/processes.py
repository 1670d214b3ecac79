"""The processes that train one model together, as `torchrun` or `accelerate launch` start them; mostly one alone.

Which of them this is, and sums over all of them, by accelerate. Knows nothing of what is learnt.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Item = TypeVar("Item")
Value = TypeVar("Value")


@dataclass(frozen=True)
class Processes:
    """This process is the `index`-th of `count`, and the `local_index`-th of its machine."""

    index: int = 0
    count: int = 1
    local_index: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.index == 0

    def from_first(self, value: Value) -> Value:
        """What the first process gives; what the others give is not looked at."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        given: list[Value] = broadcast_object_list([value], from_process=0)
        return given[0]

    def start_alike(self, tensors: Sequence[Tensor]) -> None:
        """Give each tensor the first process's values: random starts differ between kinds of device."""
        if self.count == 1:
            return
        from accelerate.utils import broadcast

        with torch.no_grad():
            for tensor in tensors:
                tensor.copy_(broadcast(tensor.detach().clone(), from_process=0))

    def mine(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's part of what all of them share out."""
        return items[self.index :: self.count]

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes; in one message, which is what takes the time."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        whole = reduce(torch.cat([t.reshape(-1) for t in tensors]), reduction="sum")
        for tensor, part in zip(tensors, whole.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()


ALONE = Processes()


def join() -> Processes:
    """Join the other processes of this training, if a launcher started any."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    return Processes(state.process_index, state.num_processes, state.local_process_index)
