"""The run of a merged project: the apps' adapters joined, healed, calibrated and written like any other run."""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from octocli.core.config import TrainSettings
from octocli.core.manifest import MOST_CALLS, Manifest
from octocli.core.project import Project, data_hash, file_hash, write_json
from octocli.core.prompts import make_prompt
from octocli.core.samples import Sample
from octocli.core.tokens import dump_tokens
from octocli.stages.calibrate import calibrated
from octocli.stages.merge_inputs import MergeInput
from octocli.stages.progress import OnTick, Tick
from octocli.stages.train import PACKAGES, made_from

if TYPE_CHECKING:
    from octocli.model.adapter import Adapter
    from octocli.model.bases import Base
    from octocli.model.merging import Method
    from octocli.model.network import LoraShape, Trainee
    from octocli.model.training import Curve
    from octocli.model.vocabulary import Vocabulary

Heal = Literal["all", "rows"]


@dataclass(frozen=True)
class MergedRun:
    """Makes runs of one merged project.

    Attributes:
        inputs: the apps.
        project: the merged project, its spec and tokens written.
        settings: of the healing.
        on_tick: progress.
    """

    inputs: Sequence[MergeInput]
    project: Project
    settings: TrainSettings
    on_tick: OnTick

    @cached_property
    def base(self) -> "Base":
        """The base of all apps."""
        from octocli.model.bases import open_base

        return open_base(self.project.config.base, self.inputs[0].project.root)

    @cached_property
    def vocabulary(self) -> "Vocabulary":
        """The base's vocabulary with every app's function tokens, one *none* and one *end*."""
        from octocli.model.vocabulary import embedding_rows, load_vocabulary

        rows = embedding_rows(self.base.folder)
        tokens = self.project.tokens.all_tokens(self.project.spec)
        return load_vocabulary(self.base.folder, tokens, rows, reserved=self.project.config.reserved)

    def manifest(self, rows: Sequence[Sample]) -> Manifest:
        """What the merged model knows: a parameter is copied where each of its app's rows copied it."""
        copied = {name: list(found) for one in self.inputs for name, found in one.manifest.copied.items()}
        calls = max((len(s.calls) for s in rows), default=1)
        most = max(calls, *(one.manifest.most_calls for one in self.inputs))
        return Manifest(
            spec=self.project.spec,
            tokens=self.project.tokens,
            prompt=make_prompt(self.project.config.prompt),
            base=self.base.to_json(),
            settings={"method": "merge", "apps": [one.app for one in self.inputs], "seed": self.project.config.seed},
            copied=copied,
            most_calls=min(MOST_CALLS, most),
            language=self.inputs[0].manifest.language,
        )

    def joined(self, method: "Method", weights: Sequence[float]) -> "Adapter":
        """The apps' adapters as one, nothing learnt yet."""
        from octocli.model.merging import Tokens, merge_adapters

        self.on_tick(Tick("merge", note=f"{len(self.inputs)} adapters by {method}"))
        tables = [(one.manifest.tokens, one.manifest.spec) for one in self.inputs]
        rows_of = [Tokens(tuple(t.tokens(spec).values()), t.none, t.end) for t, spec in tables]
        ids = self.vocabulary.ids
        ordered = {token: ids[token] for token in self.project.tokens.all_tokens(self.project.spec)}
        return merge_adapters(
            self.base.folder,
            [one.adapter for one in self.inputs],
            rows_of,
            ordered,
            method,
            list(weights) or [1.0] * len(self.inputs),
            seed=self.project.config.seed,
        )

    def write(
        self,
        adapter: "Adapter",
        folder: Path,
        passes: Sequence[Sequence[Sample]],
        held_out: Sequence[Sample],
        what: Heal,
        about: dict[str, Any],
    ) -> int:
        """Heal an adapter and write its run; returns the steps that it took.

        Args:
            adapter: from `joined`.
            folder: the run's.
            passes: the rows of each pass over what it learns; none for no healing.
            held_out: validation rows of all apps, for the calibration.
            what: LoRA and token rows, or these alone.
            about: what the record says of the merge.
        """
        from octocli.model.adapter import put_adapter, save_lora

        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").unlink(missing_ok=True)  # of a merge that a kill cut short: not finished any more
        manifest = self.manifest([row for rows in passes for row in rows])
        trainee, shape = self._trainee(adapter)
        put_adapter(adapter, trainee)
        if what == "rows":
            trainee.learn_rows_alone()
        fingerprint = data_hash([about, what, *(file_hash(one.run / "run.json") for one in self.inputs)])
        curve = self._heal(trainee, manifest, passes, folder, fingerprint) if passes else None
        wish = self.project.config.max_false_calls
        manifest = calibrated(manifest, trainee, self.vocabulary, held_out, wish, self.on_tick)
        save_lora(trainee, folder, shape, self.project.config.base)
        steps = len(curve.losses) if curve else 0
        took = {
            "samples": sum(map(len, passes[:1])),
            "steps": steps,
            "seconds": round(curve.seconds, 1) if curve else 0,
        }
        self._record(folder, manifest, {**about, **took})
        return steps

    def _heal(
        self,
        trainee: "Trainee",
        manifest: Manifest,
        passes: Sequence[Sequence[Sample]],
        folder: Path,
        fingerprint: str,
    ) -> "Curve":
        from octocli.model.checkpoints import Checkpoint
        from octocli.model.encoding import encode_all
        from octocli.model.training import fit

        seed = self.project.config.seed
        weight = self.settings.token_weight
        encoded = [
            encode_all(rows, manifest, self.vocabulary, token_weight=weight, describe=0.0, seed=seed) for rows in passes
        ]
        return fit(
            trainee,
            encoded,
            self.settings,
            seed=seed,
            checkpoint=Checkpoint(folder / "checkpoint.pt", fingerprint),
            on_step=lambda s: self.on_tick(Tick("heal", s.number, s.total, f"loss {s.loss:.3f}")),
        )

    def _trainee(self, adapter: "Adapter") -> "tuple[Trainee, LoraShape]":
        from octocli.model.network import LoraShape, Trainee, decoder_layers, load_network, settled_precision

        precision = settled_precision(self.settings)
        model = load_network(self.base.folder, seed=self.project.config.seed, precision=precision)
        upper = len(adapter.layers) / len(decoder_layers(model))
        shape = LoraShape(adapter.rank, adapter.alpha, adapter.modules, upper)
        rows = adapter.rows.to(model.device)
        return Trainee(model, rows, shape, adapter.row_ids, coarse=precision == "bfloat16"), shape

    def _record(self, folder: Path, manifest: Manifest, about: dict[str, Any]) -> None:
        self.vocabulary.tokenizer.save_pretrained(str(folder))
        (folder / "tokens.json").write_text(dump_tokens(self.project.tokens), encoding="utf-8")
        record = {
            "version": 1,
            "manifest": manifest.to_json(),
            "made_from": made_from(self.project, self.project.config.train),
            "merged_from": [one.card() for one in self.inputs],
            **about,
            "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        }
        write_json(folder / "run.json", record)
        (folder / "checkpoint.pt").unlink(missing_ok=True)
