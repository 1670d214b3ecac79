"""Smoothing moves sizes about and changes no result, whatever the architecture; what is rounded then errs less."""

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, quants
from tiny_models import ARCHITECTURES, build_tiny, load_tiny
from tiny_projects import base, workspace

from octocli.model.smoothing import smooth

IDS = [[5, 9, 40, 77, 120, 300], [8, 200, 31, 7]]
CASES = [*((arch, True) for arch in ARCHITECTURES), ("llama", False), ("qwen2", False)]


@pytest.mark.parametrize(("arch", "tied"), CASES)
def test_a_smoothed_model_computes_the_same(arch: str, tied: bool) -> None:
    folder = workspace() / f"smooth-{arch}-{tied}"
    model = load_tiny(build_tiny(folder, arch, tied))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    ids = torch.tensor([[3, 50, 7, 99, 210, 4, 18]])
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        smooth(model, IDS)
        logits = model(input_ids=ids).logits
    assert torch.allclose(logits, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    changed = {name.split(".", 3)[-1] for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert "self_attn.o_proj.weight" in changed or arch == "phi3"
    assert "input_layernorm.weight" in changed
    assert not any("embed" in name or "lm_head" in name or "norm" in name.split(".")[0] for name in changed - LAYERS)


LAYERS = {"input_layernorm.weight", "post_attention_layernorm.weight", "pre_feedforward_layernorm.weight"}


def test_a_channel_that_sticks_out_costs_its_neighbours_less() -> None:
    """Norms that make one channel a hundred times the others, as trained models do; rounded as llama.cpp rounds."""
    model = load_tiny(base())
    with torch.no_grad():
        for layer in model.model.layers:
            for norm in (layer.input_layernorm, layer.post_attention_layernorm):
                norm.weight[3] *= 100

    def error() -> float:
        seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        parts = [layer.mlp.gate_proj for layer in model.model.layers]
        hooks = [part.register_forward_hook(lambda m, x, y: seen.append((x[0], y))) for part in parts]
        with torch.no_grad():
            model(input_ids=torch.tensor([[3, 50, 7, 99, 210, 4, 18]]))
        for hook in hooks:
            hook.remove()
        off = [
            float((rounded(x) @ rounded(part.weight).T - y).norm() / y.norm())
            for part, (x, y) in zip(parts, seen, strict=True)
        ]
        return sum(off) / len(off)

    before = error()
    smooth(model, IDS)
    assert error() < 0.7 * before


def rounded(values: torch.Tensor) -> torch.Tensor:
    kind = GGMLQuantizationType.Q8_0
    flat = np.ascontiguousarray(values.detach().reshape(-1, values.shape[-1]).numpy())
    return torch.from_numpy(quants.dequantize(quants.quantize(flat, kind), kind)).view(values.shape)
