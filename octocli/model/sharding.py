"""What a trainee learns, and which part of it this process holds: all of it, or a share (FSDP, arXiv 2304.11277).

A full training over several processes spreads its decoder layers by torch's `fully_shard`: of each layer a process
keeps a part of the weights, of the gradients and of Adam's state, and has all of it only while it computes the layer.
What is not of a layer (final norm, token rows) every process has whole, as it has all that a LoRA learns.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from octocli.core.errors import BadInput
from octocli.model.network import Trainee, decoder_layers
from octocli.model.processes import Processes


def spread(trainee: Trainee, processes: Processes) -> None:
    """Leave each process its part of every decoder layer. All of them come with the same weights.

    What is inside a layer is computed a second time on the way back: a process that runs short of memory cannot start
    again while the others wait for it in a layer.
    """
    if not hasattr(FSDPModule, "set_force_sum_reduction_for_comms"):
        raise BadInput("this torch cannot spread a training over processes", hint="a newer torch can, or one process")
    trainee.recompute_layers()
    mesh = init_device_mesh(trainee.rows.device.type, (processes.count,))
    body = trainee.causal_lm.base_model
    for layer in decoder_layers(body):
        fully_shard(layer, mesh=mesh)
        assert isinstance(layer, FSDPModule)
        # The parts of a step add up to its mean, so gradients are sums. Gloo cannot scale while it adds.
        layer.set_gradient_divide_factor(1.0)
        layer.set_force_sum_reduction_for_comms(True)
    fully_shard(body, mesh=mesh, ignored_params={p for p in body.parameters() if not isinstance(p, DTensor)})


@dataclass(frozen=True)
class Learnt:
    """Parameters by name: as the network has them, and as this process updates them; the same if nothing is spread."""

    network: Mapping[str, nn.Parameter]
    own: Mapping[str, nn.Parameter]

    @property
    def is_spread(self) -> bool:
        """Whether this process has only parts."""
        return any(isinstance(p, DTensor) for p in self.network.values())

    def take_gradients(self) -> None:
        """Move the gradients of the network's parameters to those that are updated; zeros where there are none."""
        for name, parameter in self.network.items():
            if isinstance(parameter.grad, DTensor):
                self.own[name].grad = parameter.grad.to_local()
                parameter.grad = None
            elif self.own[name].grad is None:
                self.own[name].grad = torch.zeros_like(self.own[name])

    def gradients(self, *, of_spread: bool) -> list[Tensor]:
        """The gradients of what is spread, or of what every process has whole."""
        found = [(self.network[name], p.grad) for name, p in self.own.items()]
        return [grad for parameter, grad in found if grad is not None and isinstance(parameter, DTensor) == of_spread]

    def whole(self, name: str, part: Tensor) -> Tensor:
        """All of what this process has `part` of, shaped like parameter `name`; all processes ask together."""
        like = self.network[name]
        if not isinstance(like, DTensor):
            return part
        spread = DTensor.from_local(
            part, like.device_mesh, like.placements, shape=like.shape, stride=like.stride(), run_check=False
        )
        return spread.full_tensor()

    def part(self, name: str, whole: Tensor) -> Tensor:
        """This process's part of a tensor that is shaped like parameter `name` and the same in all processes."""
        like = self.network[name]
        if not isinstance(like, DTensor):
            return whole
        return distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None).to_local()


def learnt_by(trainee: Trainee) -> Learnt:
    """What the trainee learns. The parts share their memory with the network's parameters."""
    network = dict(trainee.trained())
    own = {n: nn.Parameter(p.to_local().detach()) if isinstance(p, DTensor) else p for n, p in network.items()}
    return Learnt(network, own)


@torch.no_grad()
def whole_state(trainee: Trainee, processes: Processes) -> dict[str, Tensor]:
    """Everything learnt, by name, float32 on the CPU, for the first process; all of them ask together."""
    learnt = learnt_by(trainee)
    state = {}
    for name, own in learnt.own.items():
        whole = learnt.whole(name, own.detach())
        if processes.is_first:
            state[name] = whole.float().cpu().contiguous()
    return state
