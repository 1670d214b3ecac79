"""QLoRA: the frozen linear layers in four bits, everything that learns and everything that ships as ever."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from tiny_projects import LAMPS, base, lamp_rows, new_project, write_rows
from torch import nn

from octocli.core.config import LORA_MODULES
from octocli.core.errors import BadInput
from octocli.model.fused import LoraLinear, dense_weight
from octocli.model.network import LoraShape, Trainee, load_network
from octocli.runtime.caller import open_caller
from octocli.stages.export import export
from octocli.stages.train import train


@pytest.mark.parametrize(("tied", "arch"), [(True, "llama"), (False, "llama"), (True, "gemma3"), (True, "phi3")])
def test_losses_and_gradients_are_those_of_the_weights_that_the_bits_stand_for(tied: bool, arch: str) -> None:
    folder, shape = base(tied, arch), LoraShape(4, 8, LORA_MODULES, upper=0.5)
    rows = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    four = Trainee(load_network(folder, precision="nf4"), rows, shape)
    plain = Trainee(load_network(folder), rows, shape)
    inner, outer = dict(four.causal_lm.named_modules()), dict(plain.causal_lm.named_modules())
    changed = 0
    for name, module in inner.items():
        if getattr(getattr(module, "weight", None), "quant_state", None) is not None:
            assert isinstance(module, nn.Linear)
            packed, whole = dense_weight(module), (outer.get(name) or outer[name.removesuffix(".base")]).weight
            assert packed.shape == whole.shape and not torch.equal(packed, whole)
            assert (packed - whole).abs().mean() < 0.15 * whole.abs().mean()
            assert module.weight.numel() * 2 == whole.numel(), "these are not four bits"
            whole.data.copy_(packed)
            changed += 1
    assert changed == (8 if arch == "phi3" else 14)
    assert sum(isinstance(module, LoraLinear) for module in inner.values()) == changed // 2
    learnt = dict(plain.trained())
    for index, (name, parameter) in enumerate(four.trained()):
        with torch.no_grad():
            start = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index)) * 0.1
            parameter.copy_(start)
            learnt[name].copy_(start)
    new = four.base_size
    ids, positions = torch.tensor([[5, 6, new, 9, 8], [7, new + 1, 4, new + 2, 3]]), torch.tensor([1, 2, 6, 7])
    targets, shares = torch.tensor([new, 9, 4, new + 2]), torch.tensor([1.0, 2.0, 1.0, 3.0]) / 7
    losses = [one.loss(ids, positions, targets, shares) for one in (four, plain)]
    assert float(losses[0].detach()) == pytest.approx(float(losses[1].detach()), rel=1e-4)
    for loss in losses:
        loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in four.trained():
        theirs = learnt[name].grad
        assert parameter.grad is not None and theirs is not None, name
        assert torch.allclose(parameter.grad, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max())), name


def test_from_four_bits_to_a_shipped_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTO_CACHE", str(tmp_path / "cache"))
    folder = tiny_models.build_tiny(tmp_path / "base", "llama")
    project = new_project(
        tmp_path / "home",
        LAMPS,
        f'base = "{folder}"\n[train]\nprecision = "nf4"\nepochs = 24\nbatch = 4\nwarmup = 2\nlr = 0.01\n'
        "[export]\nparity_queries = 24\ntolerance = 0.0\n",
    )
    rows = lamp_rows(24)
    write_rows(project.accepted_file, rows + [{**r, "split": "test"} for r in rows])
    packed = []
    plain = Trainee.__init__

    def watched(self: Trainee, model: Any, *more: Any, **named: Any) -> None:
        packed.append(sum(hasattr(m.weight, "quant_state") for m in model.modules() if isinstance(m, nn.Linear)))
        plain(self, model, *more, **named)

    monkeypatch.setattr(Trainee, "__init__", watched)
    assert train(project).loss < 1 and packed == [14]
    assert "bitsandbytes" in json.loads((project.run() / "run.json").read_text())["versions"]
    file = export(project, quants=("f16",)).parities[0].file
    with open_caller(file) as caller:
        assert [call["name"] for call in caller.ask("play song number 3").calls] == ["play_song"]


def test_four_bits_are_never_asked_in_evaluation_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """There bitsandbytes packs them anew on CPUs with AVX512-BF16, for its own products alone."""
    from bitsandbytes.nn import Linear4bit

    plain, asked = Linear4bit.forward, []

    def watched(self: Linear4bit, x: torch.Tensor) -> torch.Tensor:
        asked.append(self.training)
        return plain(self, x)

    monkeypatch.setattr(Linear4bit, "forward", watched)
    model = load_network(base(), precision="nf4")
    trainee = Trainee(model, torch.randn(2, 64), LoraShape(4, 8, LORA_MODULES, upper=0.5))
    trainee.loss(torch.tensor([[5, 6, 7]]), torch.tensor([1]), torch.tensor([7]), torch.ones(1))
    assert asked and all(asked)


def test_without_its_package_four_bits_are_refused_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "bitsandbytes" else find(name, *more)
    )
    with pytest.raises(BadInput, match="needs bitsandbytes") as refusal:
        load_network(base(), precision="nf4")
    assert "octocli[qlora]" in refusal.value.hint
