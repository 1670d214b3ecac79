"""Make a model easier to quantise without changing what it computes: SmoothQuant, arXiv 2211.10438, section 4.

llama.cpp rounds weights and what they multiply to blocks of 32 small numbers. One channel that is far larger than its
neighbours coarsens all of its block. A channel can be divided by a number where it is made and multiplied by it where
it is read. Reads no files; which texts stand for all of them is the caller's choice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from octocli.model.fused import norm_shift
from octocli.model.network import decoder_layers

# How much of a channel's size goes over to the weights: half, as in the paper.
_SHARE = 0.5
# A channel that the texts never used is not blown up without end.
_SMALLEST, _FURTHEST = 1e-5, 1e2


@dataclass(frozen=True)
class _Joint:
    """Channels that `maker` gives, and all the layers that read them. `groups`: heads that read one head's channels."""

    maker: nn.Module
    readers: tuple[nn.Linear, ...]
    groups: int = 1
    width: int = 0


def smooth(model: PreTrainedModel, sequences: Iterable[Sequence[int]]) -> None:
    """Move the size of activations into the weights that read them, in place; the model computes the same.

    Args:
        model: a merged model, in float32 on the CPU.
        sequences: ids such as the model will see.
    """
    joints = [joint for layer in decoder_layers(model) for joint in _joints(layer)]
    sizes = _sizes(model, [joint.readers[0] for joint in joints], sequences)
    with torch.no_grad():
        for joint in joints:
            _apply(joint, sizes[joint.readers[0]])


def _joints(layer: nn.Module) -> list[_Joint]:
    """The places of a decoder layer where channels are made and read and nothing else sees them."""
    attention: Any = getattr(layer, "self_attn", None)
    mlp: Any = getattr(layer, "mlp", None)
    norms: Any = layer
    joints = []
    if attention is not None and (readers := _linear(attention, "q_proj", "k_proj", "v_proj", "qkv_proj")):
        joints.append(_Joint(norms.input_layernorm, readers))
        # Values are mixed over positions, channel by channel; several heads may read those of one.
        if made := _linear(attention, "v_proj"):
            groups = attention.o_proj.in_features // made[0].out_features
            joints.append(_Joint(made[0], (attention.o_proj,), groups, attention.head_dim))
    if mlp is not None and (readers := _linear(mlp, "gate_proj", "up_proj", "gate_up_proj")):
        # Gemma 2 and 3 have a norm after attention as well, which is not the one that the MLP reads.
        norm = getattr(norms, "pre_feedforward_layernorm", None) or norms.post_attention_layernorm
        joints.append(_Joint(norm, readers))
        # The gate's activation bends its input, what it is multiplied with stays straight.
        if made := _linear(mlp, "up_proj"):
            joints.append(_Joint(made[0], (mlp.down_proj,)))
    return joints


def _linear(owner: nn.Module, *names: str) -> tuple[nn.Linear, ...]:
    found = (getattr(owner, name, None) for name in names)
    return tuple(part for part in found if isinstance(part, nn.Linear))


@torch.inference_mode()
def _sizes(
    model: PreTrainedModel, readers: Sequence[nn.Linear], sequences: Iterable[Sequence[int]]
) -> dict[nn.Module, Tensor]:
    """The largest absolute value that each layer read in each channel."""
    sizes: dict[nn.Module, Tensor] = {}

    def note(reader: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        largest = inputs[0].abs().reshape(-1, inputs[0].shape[-1]).amax(0)
        sizes[reader] = torch.maximum(sizes[reader], largest) if reader in sizes else largest

    hooks = [reader.register_forward_pre_hook(note) for reader in readers]
    try:
        for ids in sequences:
            model.base_model(input_ids=torch.tensor([list(ids)]), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return sizes


def _apply(joint: _Joint, size: Tensor) -> None:
    weight = torch.stack([reader.weight.abs().amax(0) for reader in joint.readers]).amax(0)
    size, weight = (_shared(joint, values) for values in (size, weight))
    factor = size.clamp(min=_SMALLEST).pow(_SHARE) / weight.clamp(min=_SMALLEST).pow(1 - _SHARE)
    factor = factor.div(factor.log().mean().exp()).clamp(1 / _FURTHEST, _FURTHEST)
    _divide(joint.maker, factor)
    spread = factor
    if joint.groups > 1:
        spread = factor.view(-1, 1, joint.width).expand(-1, joint.groups, -1).reshape(-1)
    for reader in joint.readers:
        reader.weight *= spread


def _shared(joint: _Joint, values: Tensor) -> Tensor:
    """What is read by several heads, as the largest of them: [groups * channels] -> [channels]."""
    if joint.groups == 1:
        return values
    return values.view(-1, joint.groups, joint.width).amax(1).reshape(-1)


def _divide(maker: Any, factor: Tensor) -> None:
    if isinstance(maker, nn.Linear):
        maker.weight.div_(factor.unsqueeze(1))
        if maker.bias is not None:
            maker.bias.div_(factor)
        return
    shift = norm_shift(maker)
    maker.weight.copy_((maker.weight + shift) / factor - shift)
