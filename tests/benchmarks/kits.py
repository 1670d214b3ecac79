"""What the benchmarks of training compare, each the way its users would write it, on the same rows and base.

* octo with the LoRA on all layers, as the others have it, and octo as it ships, with the upper two thirds.
* TRL's SFTTrainer and a plain transformers Trainer, padding and batching as they do by themselves. They cannot train
  single rows of a tied embedding, so they train the LoRA alone, with the new rows as octo starts them.
* A loop written by hand with PEFT: rows of like length together, PEFT's trainable tokens, transformers' own loss.

All of them take the same rate, batch and number of passes.
"""

import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Steps that only warm up allocator and caches.
UNTIMED = 2

# Ids [samples, length] and flat positions [n] in, logits [n, vocabulary] out.
Predict = Callable[[Any, Any], Any]


@dataclass
class Watch:
    """When each step ended, and what the held-out rows said every `every` steps; their time is not counted."""

    every: int = 0
    look: Callable[[Predict], float] | None = None
    ends: list[float] = field(default_factory=list)
    readings: list[tuple[float, float]] = field(default_factory=list)
    _start: float = 0.0
    _looked: float = 0.0

    def start(self) -> None:
        """The first step begins."""
        self._start = time.perf_counter()

    def step(self, predict: Predict) -> None:
        """A step ended."""
        now = time.perf_counter()
        self.ends.append(now - self._start - self._looked)
        if self.look and len(self.ends) % self.every == 0:
            self.readings.append((self.ends[-1], self.look(predict)))
            self._looked += time.perf_counter() - now

    def speed(self, batch: int) -> float:
        """Samples per second between the end of the untimed steps and the last."""
        return batch * (len(self.ends) - 1 - UNTIMED) / (self.ends[-1] - self.ends[UNTIMED])


@dataclass(frozen=True)
class Task:
    """The same for every kit."""

    project: Any
    rows: int
    batch: int
    passes: int = 1
    lr: float = 1e-3


def make_project(folder: Path, template: str, **settings: str | int) -> Any:
    """A project of a template with these top settings and counts, and its samples."""
    from octocli.core.project import open_project
    from octocli.stages.scaffold import scaffold
    from octocli.stages.synthesize import synthesize
    from octocli.stages.verify import verify

    scaffold(folder, template=template)
    file = folder / "octo.toml"
    text = file.read_text(encoding="utf-8")
    for key, value in settings.items():
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", text, count=1)
    file.write_text(text, encoding="utf-8")
    project = open_project(folder)
    synthesize(project)
    verify(project)
    return project


@dataclass(frozen=True)
class Prepared:
    """A trainee as octo starts it, its settings, and the rows: every sample of a split once, encoded."""

    trainee: Any
    settings: Any
    rows: list[Any]
    held_out: list[Any]


def prepare(project: Any, **changes: Any) -> Prepared:
    """Load the base and encode the samples; `changes` are settings of [train]."""
    from octocli.core.config import override
    from octocli.core.samples import read_samples
    from octocli.model.bases import open_base
    from octocli.model.encoding import encode_all
    from octocli.stages import train as stage

    settings = override(project.config.train, changes)
    samples = stage._training_samples(project)
    base = open_base(project.config.base, project.root)
    manifest = stage._manifest(project, base, settings, samples)
    trainee, vocabulary, _ = stage._trainee(manifest, base, settings, project.config)
    weights = {"token_weight": settings.token_weight, "describe": settings.describe, "seed": 0}
    held_out = [s for s in read_samples(project.accepted_file) if s.split == "test"]
    return Prepared(
        trainee,
        settings,
        encode_all(samples, manifest, vocabulary, **weights),
        encode_all(held_out, manifest, vocabulary, token_weight=1.0, describe=0.0, seed=0),
    )


def some(rows: Sequence[Any], count: int) -> list[Any]:
    """So many rows, the same ones for every kit."""
    return random.Random(0).sample(list(rows), min(count, len(rows)))


def first_token_accuracy(rows: Sequence[Any], new: int) -> Callable[[Predict], float]:
    """How often the first token after the prompt is the right one of the tokens from id `new` on."""
    import torch

    def look(predict: Predict) -> float:
        right = 0
        for start in range(0, len(rows), 16):
            batch = rows[start : start + 16]
            length = max(len(row.given) for row in batch)
            ids = torch.zeros(len(batch), length, dtype=torch.long)
            for index, row in enumerate(batch):
                ids[index, : len(row.given)] = torch.tensor(row.given)
            positions = torch.tensor([i * length + len(row.given) - 1 for i, row in enumerate(batch)])
            with torch.no_grad():
                chosen = predict(ids, positions)[:, new:].argmax(-1) + new
            right += int((chosen == torch.tensor([row.learnt[0] for row in batch])).sum())
        return right / len(rows)

    return look


def octo(task: Task, watch: Watch, held_out: int, *, shipped: bool) -> float:
    """octo's own training; as it ships, or with everything that the others do not have switched off."""
    from octocli.core.config import override
    from octocli.model.checkpoints import Checkpoint
    from octocli.model.training import fit

    plain: dict[str, Any] = {} if shipped else {"upper": 1.0, "describe": 0.0, "token_weight": 1.0}
    made = prepare(task.project, **plain)
    _look_at(watch, made, held_out)
    with tempfile.TemporaryDirectory() as folder:
        watch.start()
        curve = fit(
            made.trainee,
            [some(made.rows, task.rows)] * task.passes,
            override(made.settings, {"batch": task.batch, "lr": task.lr}),
            seed=0,
            checkpoint=Checkpoint(Path(folder) / "checkpoint.pt", ""),
            on_step=lambda _: watch.step(made.trainee.logits),
        )
    return statistics.mean(curve.losses[-5:])


def _look_at(watch: Watch, made: Prepared, held_out: int) -> None:
    if watch.every:
        watch.look = first_token_accuracy(some(made.held_out, held_out), made.trainee.base_size)


def _peft_model(task: Task, watch: Watch, held_out: int, *, learn_rows: bool) -> tuple[Any, list[Any], int]:
    """The base with octo's first rows and a LoRA on all layers; the rows to learn; the id of the first new token."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from octocli.model.bases import open_base

    made = prepare(task.project, describe=0.0, token_weight=1.0)
    _look_at(watch, made, held_out)
    new, rows, settings = made.trainee.rows.detach().clone(), made.rows, made.settings
    del made  # or its base would count as the other kit's memory
    base = open_base(task.project.config.base, task.project.root)
    # Eager attention is faster than SDPA here, so the others get it.
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32, attn_implementation="eager")
    size = model.get_input_embeddings().num_embeddings
    model.resize_token_embeddings(size + len(new), mean_resizing=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[size:] = new
    lora = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        target_modules=list(settings.modules),
        trainable_token_indices=list(range(size, size + len(new))) if learn_rows else None,
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora), some(rows, task.rows), size


def _predict(model: Any) -> Predict:
    def predict(ids: Any, positions: Any) -> Any:
        logits = model(input_ids=ids).logits
        return logits.reshape(-1, logits.shape[-1])[positions]

    return predict


def _timer(watch: Watch, predict: Predict) -> Any:
    from transformers import TrainerCallback

    class Timer(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            watch.start()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            watch.step(predict)

    return Timer()


def _arguments(folder: str, task: Task) -> dict[str, Any]:
    return {
        "output_dir": folder, "per_device_train_batch_size": task.batch, "num_train_epochs": task.passes,
        "learning_rate": task.lr, "warmup_steps": 10, "report_to": "none", "save_strategy": "no", "logging_steps": 5,
        "disable_tqdm": True, "seed": 0, "bf16": False, "gradient_checkpointing": False,
    }  # fmt: skip


def _last_loss(trainer: Any) -> float:
    return float([entry["loss"] for entry in trainer.state.log_history if "loss" in entry][-1])


def trl(task: Task, watch: Watch, held_out: int) -> float:
    """TRL's SFTTrainer with PEFT, loss on the target alone."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    model, rows, _ = _peft_model(task, watch, held_out, learn_rows=False)
    data = Dataset.from_list(
        [
            {"input_ids": [*r.given, *r.learnt], "completion_mask": [0] * len(r.given) + [1] * len(r.learnt)}
            for r in rows
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(**_arguments(folder, task), max_length=None, completion_only_loss=True)
        trainer = SFTTrainer(
            model,
            args=config,
            train_dataset=data,
            callbacks=[_timer(watch, _predict(model))],
            processing_class=_tokenizer(task.project),
        )
        trainer.train()
    return _last_loss(trainer)


def _tokenizer(project: Any) -> Any:
    from transformers import AutoTokenizer

    from octocli.model.bases import open_base

    tokenizer = AutoTokenizer.from_pretrained(open_base(project.config.base, project.root).folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return tokenizer


def _collate(batch: Sequence[Any]) -> dict[str, Any]:
    """Rows as transformers' models take them: padded on the right, loss on the target alone."""
    import torch

    length = max(len(row) for row in batch)
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for index, row in enumerate(batch):
        size, given = len(row), len(row.given)
        ids[index, :size] = torch.tensor(row.given + row.learnt)
        mask[index, :size] = 1
        labels[index, given:size] = ids[index, given:size]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def trainer(task: Task, watch: Watch, held_out: int) -> float:
    """A plain transformers Trainer with PEFT."""
    from transformers import Trainer, TrainingArguments

    model, rows, _ = _peft_model(task, watch, held_out, learn_rows=False)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(**_arguments(folder, task), remove_unused_columns=False)
        made = Trainer(
            model, args=arguments, train_dataset=rows, data_collator=_collate,
            callbacks=[_timer(watch, _predict(model))],
        )  # fmt: skip
        made.train()
    return _last_loss(made)


def loop(task: Task, watch: Watch, held_out: int) -> float:
    """A loop by hand that trains the rows as well."""
    import torch

    from octocli.core.config import TrainSettings
    from octocli.model.encoding import batches
    from octocli.model.training import learning_rate

    model, rows, _ = _peft_model(task, watch, held_out, learn_rows=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=task.lr, weight_decay=0.0)
    order = list(batches([rows] * task.passes, task.batch, 0))
    settings, losses = TrainSettings(lr=task.lr), []
    model.train()
    watch.start()
    for number, batch in enumerate(order):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(number, len(order), settings)
        loss = model(**_collate(batch)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss.detach()))
        watch.step(_predict(model))
    return statistics.mean(losses[-5:])


KITS: dict[str, Callable[[Task, Watch, int], float]] = {
    "octo": lambda task, watch, held_out: octo(task, watch, held_out, shipped=False),
    "octo as shipped": lambda task, watch, held_out: octo(task, watch, held_out, shipped=True),
    "trl": trl,
    "trainer": trainer,
    "loop": loop,
}
