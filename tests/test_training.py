"""Training: old rows stay bit for bit, a run folder holds what it must and no more, a resumed run is the same run."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from peft import PeftModel
from safetensors.torch import load_file
from tiny_models import load_tiny
from tiny_projects import base, lamp_rows, new_project, table_of, toml, trained, write_rows
from transformers import AutoModelForCausalLM, AutoTokenizer

from octocli.core.config import LORA_MODULES, TrainSettings
from octocli.core.errors import BadInput, NotMade, OctoError, Refused
from octocli.core.manifest import Manifest
from octocli.core.project import open_project
from octocli.core.prompts import make_prompt
from octocli.core.samples import parse_sample
from octocli.model import training
from octocli.model.adapter import load_trained
from octocli.model.checkpoints import Checkpoint
from octocli.model.encoding import Row, batches, count_batches, encode, encode_all
from octocli.model.fused import LoraLinear, cross_entropy
from octocli.model.network import LoraShape, Trainee, described_rows, load_network, settled_precision
from octocli.model.training import batch_loss, fit, learning_rate
from octocli.model.vocabulary import load_vocabulary
from octocli.stages.train import is_trained, train

COMMON = {"curve.json", "curve.png", "run.json", "tokenizer.json", "tokenizer_config.json", "tokens.json"}
LORA = {"adapter_config.json", "adapter_model.safetensors"}


def mean_loss(trainee: Trainee, rows: list[Row]) -> torch.Tensor:
    return batch_loss(trainee, rows, sum(sum(row.weights) for row in rows))


def manifest_of(project: Any) -> Manifest:
    return Manifest(project.spec, table_of(project.spec), make_prompt("short"), {}, {})


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_old_rows_stay_bit_for_bit(tied: bool, method: str) -> None:
    before = load_tiny(base(tied))
    after = load_trained(trained(tied, method).run(), base(tied)).model
    size = before.get_input_embeddings().num_embeddings
    assert after.get_input_embeddings().num_embeddings == size + 5
    assert torch.equal(after.get_input_embeddings().weight[:size], before.get_input_embeddings().weight)
    assert torch.equal(after.get_output_embeddings().weight[:size], before.get_output_embeddings().weight)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_body_and_the_new_rows_have_moved(tied: bool, method: str) -> None:
    project = trained(tied, method)
    model = load_trained(project.run(), base(tied))
    old = load_tiny(base(tied)).state_dict()
    assert all(
        not torch.equal(torch.from_numpy(w), old[name])
        for name, w in model.body().items()
        if name.endswith("proj.weight")
    )
    assert model.tied == tied
    head = model.head_rows()
    assert (head is None) == tied
    if head is not None:
        assert not (head == model.rows()).all(), "the head's rows did not learn apart from the embedding's"


@pytest.mark.parametrize("tied", [True, False])
def test_a_lora_run_holds_the_lora_and_the_rows_and_nothing_else(tied: bool) -> None:
    run = trained(tied).run()
    assert {p.name for p in run.iterdir()} == COMMON | LORA
    tensors = load_file(run / "adapter_model.safetensors")
    rows = {name: t for name, t in tensors.items() if "lora_" not in name}
    assert {tuple(t.shape) for t in rows.values()} == {(5, 64)} and len(rows) == (1 if tied else 2)
    # Two layers; q, k, v, o, gate, up, down; A and B of rank 16.
    ins, outs = (64, 64, 64, 64, 64, 64, 96), (64, 32, 32, 64, 96, 96, 64)
    numbers = 2 * sum(16 * (i + o) for i, o in zip(ins, outs, strict=True)) + 5 * 64 * len(rows)
    size = (run / "adapter_model.safetensors").stat().st_size
    with (run / "adapter_model.safetensors").open("rb") as file:
        header = 8 + struct.unpack("<Q", file.read(8))[0]
    assert sum(t.numel() for t in tensors.values()) == numbers
    assert abs(size - header - 4 * numbers) <= 0.01 * 4 * numbers


@pytest.mark.parametrize("tied", [True, False])
def test_a_full_run_holds_the_body_and_the_rows_but_not_the_bases_vocabulary(tied: bool) -> None:
    run = trained(tied, "full").run()
    assert {p.name for p in run.iterdir()} == COMMON | {"model.safetensors"}
    names = set(load_file(run / "model.safetensors"))
    assert {"rows"} <= names and ("head_rows" in names) == (not tied)
    assert not any("embed_tokens" in n or "lm_head" in n for n in names)


def test_the_record_says_what_the_run_was_made_from_and_with() -> None:
    project = trained()
    record = json.loads((project.run() / "run.json").read_text())
    assert record["manifest"]["tokens"] == {"set_lamp": 0, "play_song": 1, "stop_music": 2}
    assert record["manifest"]["copied"] == {"play_song": ["title"]} and record["manifest"]["most_calls"] == 1
    assert set(record["versions"]) == {"torch", "transformers", "peft", "octocli"}
    assert record["steps"] == 60 == len(json.loads((project.run() / "curve.json").read_text())["loss"])
    assert (project.run() / "curve.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    tokenizer = AutoTokenizer.from_pretrained(project.run())
    size = load_tiny(base()).get_input_embeddings().num_embeddings
    assert tokenizer.convert_tokens_to_ids(["<lamps_0>", "<lamps_end>"]) == [size, size + 4]


@pytest.mark.parametrize("upper", [1.0, 0.5])
@pytest.mark.parametrize("tied", [True, False])
def test_pefts_own_loading_gives_the_same_logits(tied: bool, upper: float, tmp_path: Path) -> None:
    """A trainee with random LoRA and rows, saved by octo and read by anyone."""
    from octocli.model.adapter import save_lora

    shape = LoraShape(4, 8, ("q_proj", "down_proj"), upper)
    model = load_network(base(tied))
    trainee = Trainee(model, torch.randn(3, 64), shape)
    with torch.no_grad():
        for name, parameter in trainee.trained():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(name))) * 0.1)
    save_lora(trainee, tmp_path, shape, str(base(tied)))
    ids = torch.tensor([[3, 50, trainee.base_size, 60, trainee.base_size + 2, 7]])
    with torch.no_grad():
        ours = trainee.eval().logits(ids, torch.arange(ids.shape[1]))
        plain = AutoModelForCausalLM.from_pretrained(base(tied), dtype=torch.float32, attn_implementation="eager")
        plain.resize_token_embeddings(trainee.base_size + 3, mean_resizing=False)
        theirs = PeftModel.from_pretrained(plain, str(tmp_path)).eval()(input_ids=ids).logits[0]
        merged = load_trained(tmp_path, base(tied)).model(input_ids=ids).logits[0]
    assert (ours - theirs).abs().max() < 1e-4
    assert (ours - merged).abs().max() < 1e-4


def test_only_the_upper_layers_learn_and_nothing_is_asked_of_those_below() -> None:
    trainee = Trainee(load_network(base()), torch.randn(3, 64), LoraShape(4, 8, LORA_MODULES, upper=0.5))
    below, above = trainee.causal_lm.model.layers
    names = {name.split("layers.")[1][0] for name, _ in trainee.trained() if "lora" in name}
    assert names == {"1"}
    seen: list[bool] = []
    below.register_forward_hook(lambda *call: seen.append(call[2].requires_grad))
    ids = torch.tensor([[3, trainee.base_size, 60]])
    trainee.loss(ids, torch.tensor([0, 1]), torch.tensor([trainee.base_size, 60]), torch.ones(2) / 2).backward()
    assert seen == [False], "the lower layer would be gone through backwards"
    assert trainee.rows.grad is not None and above.self_attn.q_proj.lora_b.grad is not None


def test_gemmas_scaled_embedding_is_learnt_as_it_is_read(tmp_path: Path) -> None:
    from octocli.model.adapter import save_lora

    folder, shape = base(True, "gemma3"), LoraShape(4, 8, ("q_proj",))
    trainee = Trainee(load_network(folder), torch.randn(3, 64), shape)
    save_lora(trainee, tmp_path, shape, str(folder))
    ids = torch.tensor([[3, trainee.base_size, 60, trainee.base_size + 2]])
    with torch.no_grad():
        ours = trainee.eval().logits(ids, torch.arange(4))
        merged = load_trained(tmp_path, folder).model(input_ids=ids).logits[0]
    assert (ours - merged).abs().max() < 1e-4


def test_padding_changes_no_loss() -> None:
    torch.manual_seed(0)
    trainee = Trainee(load_network(base()), torch.randn(2, 64), None)
    short, long = Row((5, 6), (7, 8), (1.0, 1.0)), Row((5, 6, 9, 10, 11), (12, 13, 14, 15), (1.0,) * 4)
    with torch.no_grad():
        alone = [float(mean_loss(trainee, [row])) for row in (short, long)]
        both = float(mean_loss(trainee, [short, long]))
    assert both == pytest.approx((2 * alone[0] + 4 * alone[1]) / 6, abs=1e-5)


def test_the_loss_is_a_weighted_mean_over_the_target_alone() -> None:
    trainee = Trainee(load_network(base()), torch.randn(2, 64), None)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        hidden = trainee.causal_lm.base_model(input_ids=ids).last_hidden_state[0]
        whole = hidden @ torch.cat([load_tiny(base()).lm_head.weight, trainee.rows]).T
        each = torch.nn.functional.cross_entropy(whole[1:3], torch.tensor([7, 8]), reduction="none")
        loss = float(mean_loss(trainee, [Row((5, 6), (7, 8), (3.0, 1.0))]))
    assert loss == pytest.approx(float((3 * each[0] + each[1]) / 4), abs=1e-5)


def test_special_tokens_carry_their_weight_and_the_prompt_none() -> None:
    project = trained()
    manifest = manifest_of(project)
    vocabulary = load_vocabulary(base(), manifest.tokens.all_tokens(manifest.spec), 340)
    sample = parse_sample(
        {"query": "dim it", "calls": [{"name": "set_lamp", "arguments": {"level": 3, "room": "office"}}]}, ""
    )
    row = encode(sample, manifest, vocabulary, token_weight=5.0)
    special = set(vocabulary.ids.values())
    assert [w for i, w in zip(row.learnt, row.weights, strict=True) if i in special] == [5.0, 5.0]
    assert {w for i, w in zip(row.learnt, row.weights, strict=True) if i not in special} == {1.0}
    assert vocabulary.tokenizer.decode(list(row.given)) == "Query: dim it\nResponse:"
    assert vocabulary.tokenizer.decode(list(row.learnt)) == '<lamps_0>(3, "office")<lamps_end>'


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_share_of_the_samples_learns_the_description_after_the_end_token(share: float) -> None:
    project = trained()
    manifest = manifest_of(project)
    vocabulary = load_vocabulary(base(), manifest.tokens.all_tokens(manifest.spec), 340)
    samples = [parse_sample(r, "") for r in lamp_rows(4) * 100]
    rows = encode_all(samples, manifest, vocabulary, token_weight=1.0, describe=share, seed=3)
    end = vocabulary.ids["<lamps_end>"]
    positive = [row for row, s in zip(rows, samples, strict=True) if s.calls]
    told = [row for row in positive if row.learnt[-1] != end]
    assert abs(len(told) / len(positive) - share) <= 0.1
    assert all(row.learnt[-1] == end for row, s in zip(rows, samples, strict=True) if not s.calls)
    texts = {vocabulary.tokenizer.decode(list(row.learnt[row.learnt.index(end) + 1 :])) for row in told}
    wanted = {f"\n\nFunction description: {f.description}" for f in manifest.spec.functions}
    assert texts == (wanted if share else set())


def test_batches_hold_every_row_once_an_epoch_and_depend_on_the_seed_alone() -> None:
    rows = [Row((1,) * (i % 7 + 1), (2,), (1.0,)) for i in range(23)]
    order = list(batches([rows] * 3, 4, seed=1))
    assert len(order) == count_batches([rows] * 3, 4) == 18
    for epoch in range(3):
        seen = [row for batch in order[epoch * 6 : epoch * 6 + 6] for row in batch]
        assert sorted(map(id, seen)) == sorted(map(id, rows))
    same, other = list(batches([rows] * 3, 4, seed=1)), list(batches([rows] * 3, 4, seed=2))
    identities = [[list(map(id, batch)) for batch in some] for some in (order, same, other)]
    assert identities[0] == identities[1] != identities[2]
    assert all(len(b[-1]) - len(b[0]) <= 2 for b in order), "rows of unlike length in a batch"


@pytest.mark.parametrize(("schedule", "middle"), [("linear", 0.5), ("cosine", 0.5)])
def test_the_rate_warms_up_and_goes_to_nothing(schedule: Any, middle: float) -> None:
    settings = TrainSettings(lr=1.0, warmup=10, schedule=schedule)
    rates = [learning_rate(step, 110, settings) for step in range(110)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == 1.0
    assert rates[60] == pytest.approx(middle) and rates[-1] < 0.02
    assert learning_rate(0, 10, TrainSettings(lr=1.0, warmup=0)) == 1.0


def test_new_rows_begin_near_what_they_stand_for_and_apart_from_each_other() -> None:
    model = load_tiny(base())
    matrix = model.get_input_embeddings().weight.detach()
    rows = described_rows(model, [[5, 6], [5, 6], [7]], seed=0)
    assert not torch.equal(rows[0], rows[1])
    assert (rows[0] - matrix[[5, 6]].mean(0)).std() < 0.2 * matrix.std()
    assert torch.equal(rows, described_rows(model, [[5, 6], [5, 6], [7]], seed=0))


@pytest.mark.parametrize("activations", [torch.float32, torch.bfloat16], ids=["cpu", "gpu"])
def test_a_base_in_half_precision_teaches_parameters_in_full_precision(
    tmp_path: Path, activations: torch.dtype
) -> None:
    rows = [Row((5 + i, 6), (20 + i, 341), (3.0, 1.0)) for i in range(8)]

    def start(dtype: torch.dtype, *, coarse: bool) -> Trainee:
        model = load_network(base())
        started = described_rows(model, [[5], [6]], 0)
        return Trainee(model.to(dtype), started, LoraShape(4, 8, LORA_MODULES, upper=0.5), coarse=coarse)

    fine, coarse = start(torch.float32, coarse=False), start(activations, coarse=True)
    assert {p.dtype for name, p in coarse.causal_lm.named_parameters() if name.endswith("proj.base.weight")} == {
        torch.bfloat16
    }
    assert coarse.causal_lm.get_input_embeddings().base.weight.dtype == activations
    with torch.no_grad():
        assert coarse.hidden(torch.tensor([[5, 6]]), torch.tensor([1])).dtype == activations
        losses = [float(mean_loss(one, rows)) for one in (fine, coarse)]
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.02)
    settings = TrainSettings(epochs=40, batch=8, lr=0.01, warmup=2)
    curves = [
        fit(one, [rows] * 40, settings, seed=0, checkpoint=Checkpoint(tmp_path / str(i), "")).losses
        for i, one in enumerate((fine, coarse))
    ]
    assert {p.dtype for _, p in coarse.trained()} == {torch.float32}
    assert curves[1][-1] < 0.2 * curves[1][0] and curves[1][:5] == pytest.approx(curves[0][:5], rel=0.05)


@pytest.mark.parametrize("can", [{}, {"avx512_f": True, "avx512_bf16": False}, {"avx512_bf16": True}])
def test_precision_is_settled_by_the_machine_unless_it_is_given(
    can: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can, raising=False)
    assert settled_precision(TrainSettings()) == ("bfloat16" if can.get("avx512_bf16") else "float32")
    assert settled_precision(TrainSettings(precision="bfloat16")) == "bfloat16"
    assert settled_precision(TrainSettings(precision="float32")) == "float32"
    assert settled_precision(TrainSettings(method="full")) == "float32"
    for coarse in ("bfloat16", "nf4"):
        with pytest.raises(BadInput, match="full training needs float32"):
            settled_precision(TrainSettings(method="full", precision=coarse))


class Killed(BaseException):
    """As sudden as a kill."""


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path, method: Any) -> None:
    rows = [Row(tuple(range(5, 9 + i % 5)), (20 + i % 9, 340, 341), (1.0,) * 3) for i in range(20)]
    passes = [rows, [Row(r.given[::-1], r.learnt, r.weights) for r in rows], rows]  # as swaps change the later ones
    settings = TrainSettings(method=method, epochs=3, batch=4, checkpoint_seconds=1e-9, warmup=2)

    def run(name: str, stop_at: int | None = None) -> tuple[tuple[float, ...], dict[str, torch.Tensor], int]:
        torch.manual_seed(0)
        lora = LoraShape(4, 8, ("q_proj", "v_proj")) if method == "lora" else None
        model = load_network(base())
        trainee = Trainee(model, described_rows(model, [[5], [6]], 0), lora)

        def on_step(step: Any) -> None:
            if step.number == stop_at:
                raise Killed

        checkpoint = Checkpoint(tmp_path / name, "same")
        try:
            curve = fit(trainee, passes, settings, seed=0, checkpoint=checkpoint, on_step=on_step)
        except Killed:
            return run(name)
        return curve.losses, {n: p.detach().clone() for n, p in trainee.trained()}, curve.resumed_at

    losses, weights, _ = run("whole")
    again, same, resumed_at = run("torn", stop_at=8)
    assert resumed_at == 7 and again == losses and len(losses) == 15
    assert all(torch.equal(weights[n], same[n]) for n in weights)


def test_a_checkpoint_of_another_run_or_a_torn_one_is_passed_over(tmp_path: Path) -> None:
    rows = [Row((5, 6), (7, 340), (1.0, 1.0))] * 8
    settings = TrainSettings(epochs=2, batch=4, checkpoint_seconds=1e-9)

    def losses(fingerprint: str) -> int:
        trainee = Trainee(load_network(base()), torch.zeros(2, 64), LoraShape(2, 4, ("q_proj",)))
        checkpoint = Checkpoint(tmp_path / "c.pt", fingerprint)
        return fit(trainee, [rows] * settings.epochs, settings, seed=0, checkpoint=checkpoint).resumed_at

    assert losses("a") == 0 and losses("b") == 0
    (tmp_path / "c.pt").write_bytes(b"torn")
    assert losses("b") == 0


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    trainee = Trainee(load_network(base()), torch.full((2, 64), math.nan), None)
    with pytest.raises(Refused, match="step 1: the loss is nan"):
        fit(
            trainee,
            [[Row((5, 6), (340,), (1.0,))]],
            TrainSettings(method="full"),
            seed=0,
            checkpoint=Checkpoint(tmp_path / "c.pt", ""),
        )


def test_a_stage_that_diverges_leaves_no_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = new_project(tmp_path / "p")
    write_rows(project.accepted_file, lamp_rows(8))
    monkeypatch.setattr(training, "batch_loss", lambda *_: torch.tensor(math.inf, requires_grad=True))
    with pytest.raises(Refused, match="loss is inf"):
        train(project)
    assert not (project.run() / "run.json").exists()


def test_a_run_whose_loss_ends_high_is_told(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    write_rows(project.accepted_file, lamp_rows(24))
    high = train(project, epochs=30, batch=8, lr=1e-9)
    low = train(project, epochs=30, batch=8, lr=0.005)
    assert any("the loss ended at" in w for w in high.warnings) and low.warnings == ()


def step_rows(count: int = 8) -> list[Row]:
    return [Row(tuple(range(5, 7 + i % 3)), (20 + i, 341), (3.0, 1.0)) for i in range(count)]


def step_trainee() -> Trainee:
    torch.manual_seed(0)
    model = load_network(base())
    return Trainee(model, described_rows(model, [[5], [6]], 0), LoraShape(4, 8, LORA_MODULES))


def test_where_memory_does_not_suffice_the_batch_goes_in_parts_to_the_same_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainSettings(epochs=3, batch=8, warmup=2)
    plain, asked = Trainee.loss, []

    def run(name: str) -> tuple[training.Curve, Trainee]:
        trainee = step_trainee()
        curve = fit(trainee, [step_rows()] * 3, settings, seed=0, checkpoint=Checkpoint(tmp_path / name, ""))
        return curve, trainee

    def short_of_memory(self: Trainee, ids: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        asked.append(len(ids))
        if len(ids) > 4 or asked == [8, 4, 4]:  # the second half fails when the first has left its gradients
            torch.empty(1 << 60)  # what the allocator itself says
        return plain(self, ids, *more)

    whole, expected = run("whole")
    monkeypatch.setattr(Trainee, "loss", short_of_memory)
    parts, trainee = run("parts")
    assert (whole.at_once, parts.at_once) == (8, 2) and asked[:5] == [8, 4, 4, 2, 2]
    assert parts.losses == pytest.approx(whole.losses, rel=1e-4)
    for (name, ours), (_, theirs) in zip(trainee.trained(), expected.trained(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-2, atol=1e-4), name


def test_a_sample_that_memory_does_not_hold_is_learnt_with_its_layers_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lower layer, where nothing learns, is computed once as ever, and no gradient goes through it."""
    settings, rows = TrainSettings(epochs=3, batch=1, warmup=2), step_rows(4)
    plain, forwards, backwards = Trainee.loss, [0, 0], [0, 0]

    def run(name: str) -> tuple[training.Curve, Trainee]:
        torch.manual_seed(0)
        model = load_network(base())
        trainee = Trainee(model, described_rows(model, [[5], [6]], 0), LoraShape(4, 8, LORA_MODULES, upper=0.5))
        for index, layer in enumerate(trainee.causal_lm.model.layers):
            layer.mlp.register_forward_pre_hook(lambda *_, i=index: forwards.__setitem__(i, forwards[i] + 1))
            layer.register_full_backward_hook(lambda *_, i=index: backwards.__setitem__(i, backwards[i] + 1))
        curve = fit(trainee, [rows] * 3, settings, seed=0, checkpoint=Checkpoint(tmp_path / name, ""))
        return curve, trainee

    def short_of_memory(self: Trainee, *given: torch.Tensor) -> torch.Tensor:
        if not self.recomputes:
            torch.empty(1 << 60)
        return plain(self, *given)

    whole, expected = run("whole")
    assert (forwards, backwards) == ([12, 12], [0, 12]) and not whole.recomputed
    monkeypatch.setattr(Trainee, "loss", short_of_memory)
    again, trainee = run("again")
    assert (forwards, backwards) == ([12 + 12, 12 + 24], [0, 24]) and again.recomputed
    assert again.losses == whole.losses
    for (name, ours), (_, theirs) in zip(trainee.trained(), expected.trained(), strict=True):
        assert torch.equal(ours, theirs), name


def test_memory_that_does_not_hold_one_sample_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainee, "loss", lambda *_: torch.empty(1 << 60))
    with pytest.raises(Refused, match="memory does not suffice"):
        fit(step_trainee(), [step_rows()], TrainSettings(), seed=0, checkpoint=Checkpoint(tmp_path / "c.pt", ""))


def test_an_error_that_is_not_of_memory_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trainee, "loss", lambda *_: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="size"):
        fit(step_trainee(), [step_rows()], TrainSettings(), seed=0, checkpoint=Checkpoint(tmp_path / "c.pt", ""))


def test_a_loss_that_grows_stops_the_training_and_one_that_stands_still_does_not(tmp_path: Path) -> None:
    def run(lr: float) -> None:
        settings = TrainSettings(epochs=100, batch=8, lr=lr, warmup=100)
        fit(step_trainee(), [step_rows()] * 100, settings, seed=0, checkpoint=Checkpoint(tmp_path / str(lr), ""))

    with pytest.raises(Refused, match="it grows") as refusal:
        run(10.0)
    assert "lower --lr" in refusal.value.hint
    run(1e-9)


def test_one_odd_batch_does_not_stop_the_learning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adam remembers the length of a gradient for a thousand steps, and takes tiny ones for as long."""
    rows = [Row((5 + i, 6), (20 + i, 341), (1.0,) * 2) for i in range(8)]
    plain, calls = training.batch_loss, iter(range(1000))
    monkeypatch.setattr(training, "batch_loss", lambda *given: plain(*given) * (1e6 if next(calls) == 3 else 1.0))
    torch.manual_seed(0)
    model = load_network(base())
    trainee = Trainee(model, described_rows(model, [[5], [6]], 0), LoraShape(4, 8, LORA_MODULES))
    settings = TrainSettings(epochs=60, batch=8, lr=0.01, warmup=2)
    curve = fit(trainee, [rows] * settings.epochs, settings, seed=0, checkpoint=Checkpoint(tmp_path / "c.pt", "x"))
    assert curve.losses[-1] < 0.2 * curve.losses[0]


@pytest.mark.parametrize("teacher", ["import", "builtin"])
def test_later_passes_see_other_values_where_the_teacher_has_not_drawn_them(tmp_path: Path, teacher: str) -> None:
    losses = []
    for share in (0.0, 1.0):
        project = new_project(tmp_path / f"{share:.0f}", settings=toml(train=f"swap = {share}"))
        rows = [row | {"teacher": teacher} for row in lamp_rows(24)]
        for row in rows[1::8]:  # a second way to ask, so that a swap makes a query that no row has
            row["query"] = row["query"].replace("play", "i want")
        write_rows(project.accepted_file, rows)
        train(project, epochs=2, batch=24)
        losses.append(json.loads((project.run() / "curve.json").read_text(encoding="utf-8"))["loss"])
    as_they_are, exchanged = losses
    assert as_they_are[0] == exchanged[0], "the first pass is the rows themselves"
    assert (as_they_are[1] == exchanged[1]) == (teacher == "builtin")


def test_a_finished_run_is_left_alone_until_something_changes(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    write_rows(project.accepted_file, lamp_rows(8))
    assert train(project, epochs=1).fresh
    made = (project.run() / "run.json").stat().st_mtime_ns
    assert not train(project, epochs=1).fresh and (project.run() / "run.json").stat().st_mtime_ns == made
    assert train(project, epochs=2).fresh and train(project, epochs=2, force=True).fresh
    write_rows(project.accepted_file, lamp_rows(12))
    assert not is_trained(open_project(project.root))


def test_a_run_that_changes_from_full_to_lora_keeps_no_file_of_before(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    write_rows(project.accepted_file, lamp_rows(8))
    train(project, method="full", epochs=1)
    train(project, method="lora", epochs=1)
    assert {p.name for p in project.run().iterdir()} == COMMON | LORA
    train(project, method="full", epochs=1)
    assert {p.name for p in project.run().iterdir()} == COMMON | {"model.safetensors"}


def test_a_flag_reaches_the_training(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    write_rows(project.accepted_file, lamp_rows(8))
    given = {"epochs": 2, "batch": 4, "lr": 0.5, "rank": 3, "token_weight": 4.0, "method": "lora"}
    train(project, **given)  # type: ignore[arg-type]
    record = json.loads((project.run() / "run.json").read_text())
    assert {k: record["made_from"]["settings"][k] for k in given} == given
    assert record["steps"] == 4
    assert json.loads((project.run() / "adapter_config.json").read_text())["r"] == 3


def test_what_cannot_be_trained_is_told(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    with pytest.raises(NotMade, match="octo verify"):
        train(project)
    write_rows(project.accepted_file, lamp_rows(8, split="test"))
    with pytest.raises(BadInput, match="no row has split 'train'"):
        train(project)
    write_rows(project.accepted_file, lamp_rows(8))
    for settings, says in (
        ('base = "/no/such/base"', "no/such/base"),
        (f'base = "{base()}"\n[train]\nmodules = ["nope"]', "nope"),
    ):
        with pytest.raises(OctoError, match=says):
            train(new_project(tmp_path / says.replace("/", "-"), settings=settings).__class__(_with(project, settings)))


def _with(project: Any, settings: str) -> Path:
    project.config_file.write_text(settings)
    return Path(project.root)


@pytest.mark.parametrize("modules", [LORA_MODULES, ("q_proj", "v_proj", "up_proj")])
@pytest.mark.parametrize(("tied", "arch"), [(True, "llama"), (False, "llama"), (True, "gemma3")])
def test_the_hand_written_gradients_are_those_of_autograd_on_the_plain_network(
    tied: bool, arch: str, modules: tuple[str, ...]
) -> None:
    """The reference adds s B A to each weight and the rows to the embedding, and lets autograd do the rest."""
    folder, shape = base(tied, arch), LoraShape(4, 8, modules)
    plain = load_network(folder)
    scale = float(getattr(plain.get_input_embeddings(), "scalar_embed_scale", 1.0))
    trainee = Trainee(load_network(folder), torch.randn(3, 64), shape)
    with torch.no_grad():
        for index, (_, parameter) in enumerate(trainee.trained()):
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(index)) * 0.1)
    new = trainee.base_size
    ids, positions = torch.tensor([[5, 6, new, 9, 8], [7, new + 1, 4, new + 2, 3]]), torch.tensor([1, 2, 6, 7])
    targets, shares = torch.tensor([new, 9, 4, new + 2]), torch.tensor([1.0, 2.0, 1.0, 3.0]) / 7
    loss = trainee.loss(ids, positions, targets, shares)
    loss.backward()  # type: ignore[no-untyped-call]

    parameters = dict(plain.named_parameters())
    for name, module in trainee.causal_lm.named_modules():
        if isinstance(module, LoraLinear):
            added = module.scale * module.lora_b.detach() @ module.lora_a.detach()
            parameters[f"{name}.weight"] = parameters[f"{name}.weight"].detach() + added
    learnt = {n: p.clone().detach().requires_grad_() for n, p in parameters.items() if n.endswith("_proj.weight")}
    rows = trainee.rows.detach().clone().requires_grad_()
    head_rows = rows if trainee.head_rows is None else trainee.head_rows.detach().clone().requires_grad_()
    matrix = plain.get_input_embeddings().weight.detach()
    embedded = torch.nn.functional.embedding(ids, torch.cat([matrix, rows])) * scale
    body = plain.base_model
    inner = {n.removeprefix("model."): p for n, p in learnt.items()}
    states = torch.func.functional_call(body, inner, kwargs={"inputs_embeds": embedded, "use_cache": False})
    hidden = states.last_hidden_state.reshape(-1, 64)[positions]
    logits = hidden @ torch.cat([plain.get_output_embeddings().weight.detach(), head_rows]).T
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    reference = (each * shares).sum()
    reference.backward()  # type: ignore[no-untyped-call]

    assert float(loss.detach()) == pytest.approx(float(reference.detach()), rel=1e-4)
    close(trainee.rows.grad, rows.grad)
    if trainee.head_rows is not None:
        close(trainee.head_rows.grad, head_rows.grad)
    for name, module in trainee.causal_lm.named_modules():
        if isinstance(module, LoraLinear):
            whole = learnt[f"{name}.weight"].grad
            assert whole is not None
            close(module.lora_a.grad, module.scale * module.lora_b.detach().T @ whole)
            close(module.lora_b.grad, module.scale * whole @ module.lora_a.detach().T)


@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("length", [1.0, 60.0])
def test_the_loss_taken_block_by_block_is_that_of_the_whole_vocabulary(softcap: float | None, length: float) -> None:
    """5,000 rows are three blocks; with long states the largest logit moves on and its exponential would overflow."""
    generator = torch.Generator().manual_seed(0)
    hidden = (length * torch.randn(7, 16, generator=generator)).requires_grad_()
    matrix, rows = torch.randn(5000, 16, generator=generator), torch.randn(3, 16, generator=generator).requires_grad_()
    targets, weights = torch.tensor([0, 5000, 2048, 5002, 4999, 5002, 17]), torch.tensor([1.0, 3, 1, 3, 1, 2, 0])
    loss = cross_entropy(hidden, matrix, rows, targets, weights / weights.sum(), softcap)
    ours = torch.autograd.grad(loss, [hidden, rows])
    logits = hidden @ torch.cat([matrix, rows]).T
    if softcap:
        logits = softcap * torch.tanh(logits / softcap)
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    reference = (each * weights).sum() / weights.sum()
    theirs = torch.autograd.grad(reference, [hidden, rows])
    assert float(loss.detach()) == pytest.approx(float(reference.detach()), rel=1e-5)
    for one, other in zip(ours, theirs, strict=True):
        close(one, other)


def close(ours: torch.Tensor | None, theirs: torch.Tensor | None) -> None:
    """Equal within float rounding."""
    assert ours is not None and theirs is not None
    assert torch.allclose(ours, theirs, rtol=1e-3, atol=1e-5 * float(theirs.abs().max())), (ours - theirs).abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_of_a_sure_prediction_is_not_below_nothing(dtype: torch.dtype) -> None:
    """In bfloat16 a logit of 30 is rounded by up to an eighth: the target's must be rounded as the others are."""
    generator = torch.Generator().manual_seed(0)
    matrix, rows = (torch.randn(size, 64, generator=generator) for size in (5000, 4))
    targets = torch.tensor([7, 4999, 5001, 5003])
    every = torch.cat([matrix, rows])
    hidden = (every[targets] * torch.tensor([[0.1], [0.4], [0.5], [0.6]])).to(dtype)
    for index in range(4):
        one = slice(index, index + 1)
        args = (hidden[one], matrix.to(dtype), rows, targets[one], torch.ones(1), None)
        exact = torch.nn.functional.cross_entropy(hidden[one].float() @ every.T, targets[one])
        assert -1e-6 <= float(cross_entropy(*args)) == pytest.approx(float(exact), abs=0.13, rel=0.02)


@pytest.mark.parametrize("arch", tiny_models.ARCHITECTURES)
@pytest.mark.parametrize("tied", [True, False])
def test_a_coarse_network_is_the_network_rounded(tmp_path: Path, arch: str, tied: bool) -> None:
    """Whatever a base does on the way in (Gemma's scale) and out (a head of its own)."""
    folder = tiny_models.build_tiny(tmp_path / "base", arch, tied)
    ids, positions = torch.tensor([[5, 6, 9, 8]]), torch.arange(4)
    with torch.no_grad():
        plain = load_tiny(folder)(ids).logits[0]
        fine, coarse = (
            Trainee(load_network(folder), torch.randn(2, 64), LoraShape(4, 8, LORA_MODULES), coarse=rounded)
            .eval()
            .logits(ids, positions)[:, : plain.shape[-1]]
            for rounded in (False, True)
        )
    assert torch.allclose(fine, plain, rtol=1e-4, atol=1e-4 * float(plain.abs().max()))
    assert not torch.equal(coarse, fine)
    assert float((coarse - fine).norm() / fine.norm()) < 0.03
