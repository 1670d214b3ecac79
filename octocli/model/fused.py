"""Blocks of a network with hand-written gradients: LoRA on a linear layer, RMSNorm, gated MLP, cross-entropy.

Autograd keeps and re-reads many intermediate matrices; on a CPU that costs as much time as the products themselves.
`fuse` puts a block in only where it gives the same numbers as the one it replaces; what is coarser than that says so.
Shapes: inputs [..., width]; n is the number of learnt positions.
"""

import copy
import math
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Rows of the vocabulary whose logits for some hundred positions fit a core's cache; 1024 to 4096 are as fast.
_BLOCK = 2048


def _apply(function: type[torch.autograd.Function], *inputs: Any) -> Tensor:
    result: Tensor = function.apply(*inputs)  # type: ignore[no-untyped-call]
    return result


def dense_weight(layer: nn.Linear) -> Tensor:
    """A frozen layer's weight [out, in]. One of four bits (QLoRA, arXiv 2305.14314) is unpacked anew for each use."""
    state = getattr(layer.weight, "quant_state", None)
    if state is None:
        return layer.weight
    from bitsandbytes.functional import dequantize_4bit

    # As one row: with AVX512, bitsandbytes 0.50 unpacks wrongly where a block of 64 crosses the end of one.
    flat = copy.copy(state)
    flat.shape = torch.Size([state.shape.numel()])
    weight: Tensor = dequantize_4bit(layer.weight.data, flat).view(state.shape)
    return weight


class _LoraProduct(torch.autograd.Function):
    """x W' + s (x A') B', accumulated in place, in the precision of x, but for W's own products: those are in W's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: nn.Linear, a: Tensor, b: Tensor, scale: float) -> Tensor:
        weight, bias, exact = dense_weight(base), base.bias, a.dtype
        flat = x.reshape(-1, x.shape[-1])
        a, b = a.to(flat.dtype), b.to(flat.dtype)
        low = flat @ a.T
        out = functional.linear(flat.to(weight.dtype), weight, bias).to(flat.dtype)
        out.addmm_(low, b.T, alpha=scale)
        ctx.save_for_backward(flat, a, b, low)
        ctx.base, ctx.scale, ctx.exact = base, scale, exact
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        flat, a, b, low = ctx.saved_tensors
        flat_grad = grad.reshape(-1, grad.shape[-1])
        low_grad = (flat_grad @ b).mul_(ctx.scale)
        x_grad = None
        if ctx.needs_input_grad[0]:
            weight = dense_weight(ctx.base)
            x_grad = (flat_grad.to(weight.dtype) @ weight).to(flat.dtype).addmm_(low_grad, a)
            x_grad = x_grad.view(*grad.shape[:-1], -1)
        a_grad, b_grad = low_grad.T @ flat, (flat_grad.T @ low).mul_(ctx.scale)
        return x_grad, None, a_grad.to(ctx.exact), b_grad.to(ctx.exact), None


class LoraLinear(nn.Module):
    """A frozen linear layer with a LoRA (arXiv 2106.09685): A starts random, B at zero."""

    def __init__(self, base: nn.Linear, rank: int, alpha: int) -> None:
        super().__init__()
        self.base = base
        device = base.weight.device
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features, device=device))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank, device=device))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        return _apply(_LoraProduct, x, self.base, self.lora_a, self.lora_b, self.scale)


class _FrozenProduct(torch.autograd.Function):
    """x W' in the precision of W. W itself is not kept for the way back, as it may be one that is unpacked."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: nn.Linear) -> Tensor:
        ctx.base, weight = base, dense_weight(base)
        return functional.linear(x.to(weight.dtype), weight, base.bias).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        weight = dense_weight(ctx.base)
        return (grad.to(weight.dtype) @ weight).to(grad.dtype), None


class FrozenLinear(nn.Module):
    """A linear layer that does not learn, its weight coarser than the activations around it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        return _apply(_FrozenProduct, x, self.base)


class _Norm(torch.autograd.Function):
    """RMSNorm with a frozen weight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        inverse = inverse.pow_(2).div_(x.shape[-1]).add_(eps).rsqrt_()
        normal = x * inverse
        ctx.save_for_backward(normal, weight, inverse)
        scaled: Tensor = normal * weight
        return scaled

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        normal, weight, inverse = ctx.saved_tensors
        inner = grad * weight
        along = (inner * normal).mean(-1, keepdim=True)
        return torch.addcmul(inner, normal, along, value=-1).mul_(inverse), None, None


class _Gate(torch.autograd.Function):
    """silu(gate) * up."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        sigmoid = torch.sigmoid(gate)
        active = gate * sigmoid
        # d silu = sigmoid + silu * (1 - sigmoid)
        slope = torch.addcmul(sigmoid, active, sigmoid, value=-1).add_(active)
        return slope.mul_(up).mul_(grad), active.mul_(grad)


class _CrossEntropy(torch.autograd.Function):
    """Weighted sum of cross-entropies over two row blocks; loss and gradient in one reading of the vocabulary.

    The vocabulary is taken a block at a time, with a running maximum by which earlier sums are scaled down (online
    softmax, arXiv 1805.02867). A block's logits stay in the CPU's cache and all of them are never held at once.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, matrix: Tensor, rows: Tensor, targets: Tensor, shares: Tensor, softcap: float
    ) -> Tensor:
        exact = rows.dtype
        top = hidden.new_full((len(hidden), 1), -math.inf, dtype=exact)
        total = torch.zeros_like(top)
        # Of the vocabulary's rows, by probability; not yet divided by `total`.
        mean = torch.zeros_like(hidden, dtype=exact)
        wanted, start = torch.zeros_like(top), 0
        for block in (*torch.split(matrix, _BLOCK), rows.to(hidden.dtype)):
            logits = (hidden @ block.T).to(exact)
            slope = _cap(logits, softcap)
            # The target's own logit, rounded as the others are, or the loss of a sure prediction falls below nothing.
            inside = (targets - start).unsqueeze(-1)
            found = logits.gather(-1, inside.clamp(0, len(block) - 1))
            wanted = torch.where((inside >= 0) & (inside < len(block)), found, wanted)
            start += len(block)
            higher = torch.maximum(top, logits.amax(-1, keepdim=True))
            shrink, top = (top - higher).exp_(), higher
            likely = logits.sub_(top).exp_()
            total.mul_(shrink).add_(likely.sum(-1, keepdim=True))
            if slope is not None:
                likely.mul_(slope)
            mean.mul_(shrink)
            if block.dtype == exact:
                mean.addmm_(likely, block)
            else:
                mean += likely.to(block.dtype) @ block
        share = shares.unsqueeze(-1)
        is_new = (targets >= len(matrix)).unsqueeze(-1)
        place = (targets - len(matrix)).clamp(min=0)
        target_rows = torch.where(is_new, rows[place], matrix[targets.clamp(max=len(matrix) - 1)].to(exact))
        ctx.coarse, hidden = hidden.dtype, hidden.to(exact)
        pull = share * (1 - (wanted / softcap).square()) if softcap else share
        # The last block was that of the rows, the only ones that learn.
        rows_grad = likely.mul_(share / total).T @ hidden
        rows_grad.index_add_(0, place, hidden * pull * is_new, alpha=-1)
        ctx.save_for_backward(mean.mul_(share / total).sub_(target_rows * pull), rows_grad)
        return ((total.log() + top - wanted) * share).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, rows_grad = ctx.saved_tensors
        return (hidden_grad * grad).to(ctx.coarse), None, rows_grad * grad, None, None, None


def _cap(logits: Tensor, softcap: float) -> Tensor | None:
    """Cap logits in place, as Gemma 2 does; returns the slope of the cap, None where there is none."""
    if not softcap:
        return None
    logits.div_(softcap).tanh_()
    slope = 1 - logits.square()
    logits.mul_(softcap)
    return slope


def cross_entropy(
    hidden: Tensor, matrix: Tensor, rows: Tensor, targets: Tensor, shares: Tensor, softcap: float | None
) -> Tensor:
    """Sum of the cross-entropies of `hidden` [n, width] against the frozen `matrix` and the learnt `rows` below it.

    Args:
        hidden: last hidden states at the learnt positions.
        matrix: the base's output matrix [vocabulary, width]; gets no gradient.
        rows: output rows of the new tokens [tokens, width].
        targets: ids [n].
        shares: what each position counts [n]; a mean where they add up to 1.
        softcap: Gemma 2's cap on logits, if any.
    """
    return _apply(_CrossEntropy, hidden.to(matrix.dtype), matrix.detach(), rows, targets, shares, softcap or 0.0)


class FusedNorm(nn.Module):
    """RMSNorm; `shift` is 1 for Gemma, whose weights are stored minus one."""

    scale: Tensor

    def __init__(self, weight: Tensor, eps: float, shift: float) -> None:
        super().__init__()
        self.register_buffer("scale", (weight.detach() + shift).clone(), persistent=False)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> [..., width]."""
        return _apply(_Norm, x, self.scale, self.eps)


class FusedMlp(nn.Module):
    """down(silu(gate(x)) * up(x))."""

    def __init__(self, gate: nn.Module, up: nn.Module, down: nn.Module) -> None:
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = gate, up, down

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> [..., width]."""
        result: Tensor = self.down_proj(_apply(_Gate, self.gate_proj(x), self.up_proj(x)))
        return result


@torch.no_grad()
def coarsen(network: nn.Module, names: Collection[str], dtype: torch.dtype | None) -> None:
    """Keep the frozen matrices of the layers called `names` in `dtype`; what flows between them keeps its precision.

    A CPU with AVX512-BF16 or AMX multiplies bfloat16 twice as fast, and is slower at everything else in it. Without a
    `dtype` the matrices stay as they are (of four bits), and only their products become octo's own. Layers of other
    names stay: some networks (Mamba's) read their weights themselves.
    """
    for name, module in list(network.named_modules()):
        parent, _, leaf = name.removesuffix(".base").rpartition(".")
        if isinstance(module, nn.Linear) and leaf in names:
            if dtype is not None:
                module.to(dtype)
            if not isinstance(network.get_submodule(name.rpartition(".")[0]), LoraLinear):
                setattr(network.get_submodule(parent), leaf, FrozenLinear(module))


def fuse(model: nn.Module) -> int:
    """Put fused norms and MLPs into a frozen network where they give the same numbers; returns how many."""
    count = 0
    for name, module in list(model.named_modules()):
        fused = _fused(module)
        if fused is not None and _agree(module, fused, _first_weight(module)):
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, fused)
            count += 1
    return count


def norm_shift(norm: nn.Module) -> float:
    """What a norm adds to its weights: Gemma stores them minus one."""
    return 1.0 if type(norm).__name__.startswith("Gemma") else 0.0


def _fused(module: nn.Module) -> nn.Module | None:
    kind = type(module).__name__
    weight = getattr(module, "weight", None)
    if kind.endswith("RMSNorm") and isinstance(weight, Tensor):
        eps: float = getattr(module, "variance_epsilon", 0.0) or getattr(module, "eps", 1e-6)
        return FusedNorm(weight, eps, norm_shift(module))
    linear = [getattr(module, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
    if kind.endswith("MLP") and all(isinstance(part, nn.Module) for part in linear):
        return FusedMlp(*linear)  # type: ignore[arg-type]
    return None


def _first_weight(module: nn.Module) -> Tensor:
    """A matrix or vector whose last axis is as wide as what the block takes."""
    first = next((m for m in module.modules() if isinstance(m, nn.Linear)), None)
    return next(module.parameters()) if first is None else dense_weight(first)


@torch.no_grad()
def _agree(module: nn.Module, fused: nn.Module, weight: Tensor) -> bool:
    """Whether both give the same numbers on a probe of `weight`'s last axis, kind and place."""
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(3, weight.shape[-1], generator=generator).to(weight.device, weight.dtype)
    expected = module(probe)
    return bool(torch.allclose(expected, fused(probe), rtol=1e-4, atol=1e-5 * float(expected.abs().max())))
