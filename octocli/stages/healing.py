"""Going on with a finished adapter: it learns a little more, gently, is calibrated anew and written as a run.

What the adapter was made of, and what it learns, is told by `merged_run.py` and `grow.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from octocli.core.config import TrainSettings
from octocli.core.manifest import Manifest
from octocli.core.project import Project, data_hash, read_record
from octocli.core.samples import Sample
from octocli.stages.calibrate import calibrated
from octocli.stages.progress import OnTick, Tick
from octocli.stages.run_record import write_run

if TYPE_CHECKING:
    from octocli.model.adapter import Adapter
    from octocli.model.bases import Base
    from octocli.model.checkpoints import Checkpoint
    from octocli.model.network import LoraShape, Trainee
    from octocli.model.training import Curve
    from octocli.model.vocabulary import Vocabulary

Heal = Literal["all", "rows"]
# What is trained already is moved with care: at the full rate a sum of adapters first got worse.
_GENTLER = 4.0


@dataclass(frozen=True)
class Lesson:
    """What an adapter learns.

    Attributes:
        passes: the rows of each pass over the data; none for no lesson.
        held_out: rows for the calibration, those of the validation side.
        what: LoRA and token rows, or these alone.
        fingerprint: of what the adapter was made from: with the same alone a sitting that was ended goes on.
    """

    passes: Sequence[Sequence[Sample]]
    held_out: Sequence[Sample]
    what: Heal
    fingerprint: str


@dataclass(frozen=True)
class Healing:
    """Writes runs of one project that begin with an adapter.

    Attributes:
        project: whose runs they are; its spec, tokens and settings stand.
        base_root: the folder that a base named by its path is beside.
        on_tick: progress.
    """

    project: Project
    base_root: Path
    on_tick: OnTick

    @cached_property
    def base(self) -> "Base":
        """The adapter's base."""
        from octocli.model.bases import open_base

        return open_base(self.project.config.base, self.base_root)

    @cached_property
    def vocabulary(self) -> "Vocabulary":
        """The base's vocabulary with the project's tokens."""
        from octocli.model.vocabulary import embedding_rows, load_vocabulary

        rows = embedding_rows(self.base.folder)
        tokens = self.project.tokens.all_tokens(self.project.spec)
        return load_vocabulary(self.base.folder, tokens, rows, reserved=self.project.config.reserved)

    @property
    def token_ids(self) -> dict[str, int]:
        """The id of every token of the project: functions in the spec's order, *none*, *end*."""
        return {token: self.vocabulary.ids[token] for token in self.project.tokens.all_tokens(self.project.spec)}

    def write(
        self,
        adapter: "Adapter",
        folder: Path,
        manifest: Manifest,
        lesson: Lesson,
        settings: TrainSettings,
        **about: Any,
    ) -> int:
        """Teach an adapter its lesson and write the run, if it is not there yet; returns the steps that it took.

        Args:
            adapter: what to begin with, its rows in the order of `token_ids`.
            folder: the run's.
            manifest: what the model knows, not calibrated yet.
            lesson: what it learns.
            settings: of training; it learns more gently than they say.
            about: what the record says beside.
        """
        from octocli.model.adapter import put_adapter, save_lora
        from octocli.model.checkpoints import Checkpoint
        from octocli.model.training import NO_STEPS

        settings = settings.model_copy(update={"method": "lora"})
        settings = settings.model_copy(update={"lr": settings.peak_lr / _GENTLER})
        fingerprint = _fingerprint(lesson, settings)
        record = read_record(folder / "run.json")
        if record.get("fingerprint") == fingerprint:
            return int(record["steps"])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").unlink(missing_ok=True)  # of a sitting that a kill cut short: not finished any more
        trainee, shape = self._trainee(adapter, settings)
        put_adapter(adapter, trainee)
        if lesson.what == "rows":
            trainee.learn_rows_alone()
        curve = (
            self._learnt(trainee, manifest, lesson, settings, Checkpoint(folder / "checkpoint.pt", fingerprint))
            if lesson.passes
            else NO_STEPS
        )
        wish = self.project.config.max_false_calls
        manifest = calibrated(manifest, trainee, self.vocabulary, lesson.held_out, wish, self.on_tick)
        save_lora(trainee, folder, shape, self.project.config.base)
        samples = len({s.id for rows in lesson.passes for s in rows})
        about = {**about, "fingerprint": fingerprint}
        write_run(self.project, folder, self.project.config.train, manifest, self.vocabulary, samples, curve, **about)
        return len(curve.losses)

    def _learnt(
        self, trainee: "Trainee", manifest: Manifest, lesson: Lesson, settings: TrainSettings, checkpoint: "Checkpoint"
    ) -> "Curve":
        from octocli.model.encoding import encode_all
        from octocli.model.training import fit

        seed = self.project.config.seed
        weight = settings.token_weight
        encoded = [
            encode_all(rows, manifest, self.vocabulary, token_weight=weight, describe=0.0, seed=seed)
            for rows in lesson.passes
        ]
        return fit(
            trainee,
            encoded,
            settings,
            seed=seed,
            checkpoint=checkpoint,
            on_step=lambda s: self.on_tick(Tick("heal", s.number, s.total, f"loss {s.loss:.3f}")),
        )

    def _trainee(self, adapter: "Adapter", settings: TrainSettings) -> "tuple[Trainee, LoraShape]":
        from octocli.model.network import LoraShape, Trainee, decoder_layers, load_network, settled_precision

        precision = settled_precision(settings)
        model = load_network(self.base.folder, seed=self.project.config.seed, precision=precision)
        upper = len(adapter.layers) / len(decoder_layers(model))
        shape = LoraShape(adapter.rank, adapter.alpha, adapter.modules, upper)
        rows = adapter.rows.to(model.device)
        return Trainee(model, rows, shape, adapter.row_ids, coarse=precision == "bfloat16"), shape


def _fingerprint(lesson: Lesson, settings: TrainSettings) -> str:
    """Of all that the run hangs on."""
    rows = [[s.id for s in rows] for rows in (*lesson.passes, lesson.held_out)]
    return data_hash(
        [lesson.fingerprint, lesson.what, rows, settings.model_dump(mode="json", exclude={"checkpoint_seconds"})]
    )
