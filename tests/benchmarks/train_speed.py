"""Training speed and memory beside what a user would otherwise write, on the same rows, base, LoRA and batch.

    python tests/benchmarks/train_speed.py --rounds 3

The kits: octo with the LoRA on all layers, as the others have it; octo as it ships, with the upper two thirds; TRL's
SFTTrainer; a plain transformers Trainer. Each run has a process of its own, and the kits take turns, so that a machine
whose speed drifts slows all of them. TRL and the Trainer cannot train single rows of a tied embedding, so they train
the LoRA alone, with the new rows as octo starts them. TRL is an extra: pip install '.[bench]'.
"""

import argparse
import json
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KITS = ("octo", "octo as shipped", "trl", "trainer")
# Steps that only warm up allocator and caches.
_UNTIMED = 2


@dataclass(frozen=True)
class Speed:
    """What one run of a kit gave: samples per second after the first steps, and the process's peak memory."""

    kit: str
    samples_per_second: float
    peak_mb: int
    loss: float


@dataclass
class Clock:
    """When each step ended."""

    ends: list[float]

    def speed(self, batch: int) -> float:
        """Samples per second between the end of the untimed steps and the last."""
        return batch * (len(self.ends) - 1 - _UNTIMED) / (self.ends[-1] - self.ends[_UNTIMED])


def _project(folder: Path, base: str) -> Any:
    """A smart-home project with its samples."""
    from octocli.core.project import open_project
    from octocli.stages.scaffold import scaffold
    from octocli.stages.synthesize import synthesize
    from octocli.stages.verify import verify

    scaffold(folder, template="smart-home")
    settings = folder / "octo.toml"
    settings.write_text(re.sub(r"(?m)^base = .*$", f'base = "{base}"', settings.read_text()))
    project = open_project(folder)
    synthesize(project)
    verify(project)
    return project


def _prepare(project: Any, upper: float) -> tuple[Any, Any, list[Any]]:
    """The trainee, the settings, and the rows: every training sample once, encoded."""
    from octocli.core.config import override
    from octocli.model.bases import open_base
    from octocli.model.encoding import encode_all
    from octocli.stages import train as stage

    settings = override(project.config.train, {"upper": upper, "epochs": 1, "describe": 0.0, "token_weight": 1.0})
    samples = stage._training_samples(project)
    base = open_base(project.config.base, project.root)
    manifest = stage._manifest(project, base, settings, samples)
    trainee, vocabulary, _ = stage._trainee(manifest, base, settings, project.config.seed)
    rows = encode_all(samples, manifest, vocabulary, token_weight=1.0, describe=0.0, seed=0)
    return trainee, settings, rows


def _some(rows: Sequence[Any], count: int) -> list[Any]:
    return random.Random(0).sample(list(rows), count)


def _octo(project: Any, count: int, batch: int, upper: float) -> tuple[Clock, float]:
    from octocli.core.config import override
    from octocli.model.checkpoints import Checkpoint
    from octocli.model.training import fit

    trainee, settings, rows = _prepare(project, upper)
    clock = Clock([])
    with tempfile.TemporaryDirectory() as folder:
        curve = fit(
            trainee,
            [_some(rows, count)],
            override(settings, {"batch": batch, "lr": 1e-3}),
            seed=0,
            checkpoint=Checkpoint(Path(folder) / "checkpoint.pt", ""),
            on_step=lambda _: clock.ends.append(time.perf_counter()),
        )
    return clock, statistics.mean(curve.losses[-5:])


def _peft_model(project: Any) -> tuple[Any, list[Any]]:
    """The base with octo's first rows, frozen, and a LoRA on all layers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from octocli.model.bases import open_base

    trainee, settings, rows = _prepare(project, 1.0)
    new = trainee.rows.detach().clone()
    del trainee  # or its base would count as the other kit's memory
    base = open_base(project.config.base, project.root)
    # Eager attention is faster than SDPA here, so the others get it.
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32, attn_implementation="eager")
    size = model.get_input_embeddings().num_embeddings
    model.resize_token_embeddings(size + len(new), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[size:] = new
    lora = LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, target_modules=list(settings.modules), task_type="CAUSAL_LM"
    )
    return get_peft_model(model, lora), rows


def _timer(clock: Clock) -> Any:
    from transformers import TrainerCallback

    class Timer(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.ends.append(time.perf_counter())

    return Timer()


def _arguments(folder: str, batch: int) -> dict[str, Any]:
    return {
        "output_dir": folder, "per_device_train_batch_size": batch, "num_train_epochs": 1, "learning_rate": 1e-3,
        "report_to": "none", "save_strategy": "no", "logging_steps": 5, "disable_tqdm": True, "seed": 0,
        "bf16": False, "gradient_checkpointing": False,
    }  # fmt: skip


def _last_loss(trainer: Any) -> float:
    return float([entry["loss"] for entry in trainer.state.log_history if "loss" in entry][-1])


def _trl(project: Any, count: int, batch: int) -> tuple[Clock, float]:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, rows = _peft_model(project)
    data = Dataset.from_list(
        [
            {"input_ids": [*r.given, *r.learnt], "completion_mask": [0] * len(r.given) + [1] * len(r.learnt)}
            for r in _some(rows, count)
        ]
    )
    clock = Clock([])
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(**_arguments(folder, batch), max_length=None, completion_only_loss=True)
        trainer = SFTTrainer(
            model, args=config, train_dataset=data, callbacks=[_timer(clock)], processing_class=_tokenizer(project)
        )
        trainer.train()
    return clock, _last_loss(trainer)


def _tokenizer(project: Any) -> Any:
    from transformers import AutoTokenizer

    from octocli.model.bases import open_base

    tokenizer = AutoTokenizer.from_pretrained(open_base(project.config.base, project.root).folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer


def _trainer(project: Any, count: int, batch: int) -> tuple[Clock, float]:
    import torch
    from transformers import Trainer, TrainingArguments

    model, rows = _peft_model(project)
    data = [{"ids": [*r.given, *r.learnt], "given": len(r.given)} for r in _some(rows, count)]

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        length = max(len(row["ids"]) for row in batch)
        ids = torch.zeros(len(batch), length, dtype=torch.long)
        labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
        for index, row in enumerate(batch):
            size = len(row["ids"])
            ids[index, :size] = torch.tensor(row["ids"])
            mask[index, :size] = 1
            labels[index, row["given"] : size] = ids[index, row["given"] : size]
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    clock = Clock([])
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(**_arguments(folder, batch), remove_unused_columns=False)
        trainer = Trainer(model, args=arguments, train_dataset=data, data_collator=collate, callbacks=[_timer(clock)])
        trainer.train()
    return clock, _last_loss(trainer)


def _measure(kit: str, project: Any, count: int, batch: int) -> Speed:
    """Run one kit in this process."""
    runs: dict[str, Callable[[], tuple[Clock, float]]] = {
        "octo": lambda: _octo(project, count, batch, 1.0),
        "octo as shipped": lambda: _octo(project, count, batch, project.config.train.upper),
        "trl": lambda: _trl(project, count, batch),
        "trainer": lambda: _trainer(project, count, batch),
    }
    clock, loss = runs[kit]()
    return Speed(kit, round(clock.speed(batch), 3), _peak_mb(), round(loss, 3))


def _peak_mb() -> int:
    """The most memory that this process held. `ru_maxrss` outlives exec, so it may be the parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20 if sys.platform == "darwin" else 1 << 10)
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) // 1024


def floor(project: Any, batch: int) -> dict[str, float]:
    """The floor of a step: products of the layers that must run, over the rate at which this machine multiplies.

    Forward through every layer and backward to its inputs, the head at learnt positions only. LoRA, attention, padding
    and everything elementwise are left out.
    """
    import torch

    from octocli.model.fused import LoraLinear

    trainee, _, rows = _prepare(project, 1.0)
    config = trainee.causal_lm.config
    linear = sum(m.base.weight.numel() for m in trainee.modules() if isinstance(m, LoraLinear))
    head = trainee.causal_lm.get_input_embeddings().base.weight.numel()
    tokens, learnt = statistics.mean(map(len, rows)), statistics.mean(len(r.learnt) for r in rows)
    work = 4 * (tokens * linear + learnt * head)
    x = torch.randn(int(tokens * batch), config.hidden_size)
    w = torch.randn(config.intermediate_size, config.hidden_size)
    times = []
    for _ in range(60):
        start = time.perf_counter()
        x @ w.T
        times.append(time.perf_counter() - start)
    rate = 2 * x.numel() * len(w) / statistics.median(times)
    return {"gflop_per_sample": work / 1e9, "gflops": rate / 1e9, "samples_per_second": rate / work}


def main() -> None:
    """Measure all kits, or the one that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--rows", type=int, default=160, help="training rows a run")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kit, in turns")
    parser.add_argument("--kit", choices=KITS, action="append", help="only these")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        from octocli.core.project import open_project

        print(json.dumps(asdict(_measure(options.kit[0], open_project(options.inside), options.rows, options.batch))))
        return
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "home", options.base)
        bound = floor(project, options.batch)
        speeds = [_alone(kit, project.root, options) for _ in range(options.rounds) for kit in options.kit or KITS]
    _report(speeds, bound)


def _alone(kit: str, project: Path, options: argparse.Namespace) -> Speed:
    """One run in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, __file__, "--inside", str(project), "--kit", kit, "--rows", str(options.rows)]
    done = subprocess.run([*command, "--batch", str(options.batch)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{kit}: {done.stderr[-2000:]}")
    speed = Speed(**json.loads(done.stdout.splitlines()[-1]))
    print(f"{kit}: {speed.samples_per_second:.2f} samples/s, {speed.peak_mb} MB", file=sys.stderr, flush=True)
    return speed


def _report(speeds: Sequence[Speed], bound: dict[str, float]) -> None:
    print(f"floor: {bound['gflop_per_sample']:.1f} GFLOP a sample at {bound['gflops']:.0f} GFLOP/s: "
          f"{bound['samples_per_second']:.1f} samples/s")  # fmt: skip
    print(f"{'kit':16} {'samples/s':>9} {'of trl':>7} {'peak MB':>8} {'loss':>6}")
    by_kit = {kit: [s for s in speeds if s.kit == kit] for kit in dict.fromkeys(s.kit for s in speeds)}
    median = {kit: statistics.median(s.samples_per_second for s in found) for kit, found in by_kit.items()}
    for kit, found in by_kit.items():
        ratio = f"{median[kit] / median['trl']:.2f}" if "trl" in median else ""
        print(f"{kit:16} {median[kit]:9.2f} {ratio:>7} {max(s.peak_mb for s in found):8} {found[-1].loss:6.2f}")


if __name__ == "__main__":
    main()
