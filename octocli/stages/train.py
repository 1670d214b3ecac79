"""`octo train`: from accepted samples to a finished run folder. Resumes after a kill; a finished run is left alone."""

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from octocli.core.config import Config, Method, TrainSettings, override
from octocli.core.copying import copied_parameters
from octocli.core.errors import BadInput, NotMade
from octocli.core.manifest import MOST_CALLS, Manifest
from octocli.core.project import DEFAULT_RUN, Project, data_hash, read_record, write_json
from octocli.core.prompts import make_prompt
from octocli.core.samples import Sample, read_samples
from octocli.core.splits import normal
from octocli.core.value_swaps import ValueSwaps
from octocli.stages.calibrate import calibrated
from octocli.stages.progress import OnTick, Tick, silent
from octocli.stages.run_record import made_from, write_run
from octocli.teachers.builtin import BuiltinTeacher

if TYPE_CHECKING:
    from octocli.model.bases import Base
    from octocli.model.network import LoraShape, Trainee
    from octocli.model.processes import Processes
    from octocli.model.vocabulary import Vocabulary

# Fewer steps than this barely move the rows of new tokens.
_FEW_STEPS = 60
# A finished run of a sound training ends far below; one that was thrown off stays above.
_UNSETTLED = 1.0


@dataclass(frozen=True)
class TrainReport:
    """What a training made and what it took."""

    run: Path
    samples: int
    steps: int
    seconds: float
    loss: float
    resumed_at: int
    bytes: int
    fresh: bool
    warnings: tuple[str, ...] = ()


def train(
    project: Project,
    *,
    run: str = DEFAULT_RUN,
    method: Method | None = None,
    epochs: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    rank: int | None = None,
    token_weight: float | None = None,
    force: bool = False,
    on_tick: OnTick = silent,
) -> TrainReport:
    """Train the project's model; a finished run made from the same things is returned as it is.

    Raises:
        NotMade: there are no accepted samples.
        BadInput: settings out of range, an unknown base, no training rows.
    """
    given = {"method": method, "epochs": epochs, "batch": batch, "lr": lr, "rank": rank, "token_weight": token_weight}
    settings = override(project.config.train, given)
    folder = project.run(run)
    samples = _training_samples(project)
    if not force and is_trained(project, run, settings):
        _keep_wish(folder / "run.json", project.config.max_false_calls)
        return _finished_report(folder)
    return _train(project, folder, settings, samples, on_tick, anew=force)


def _keep_wish(record_file: Path, max_false_calls: float | None) -> None:
    """Have a finished run refuse as the settings say now: that takes no training."""
    record = read_record(record_file)
    calibration = record["manifest"].get("calibration")
    if calibration and calibration["max_false_calls"] != max_false_calls:
        calibration["max_false_calls"] = max_false_calls
        write_json(record_file, record)


def is_trained(project: Project, run: str = DEFAULT_RUN, settings: TrainSettings | None = None) -> bool:
    """Whether a finished run exists that was made from what is there now."""
    made = read_record(project.run(run) / "run.json").get("made_from")
    return bool(made == made_from(project, settings or project.config.train))


def _training_samples(project: Project) -> list[Sample]:
    if not project.accepted_file.exists():
        raise NotMade(f"{project.accepted_file}: no verified samples yet", hint="make them with: octo verify")
    samples = [s for s in read_samples(project.accepted_file) if s.split == "train"]
    if not samples:
        raise BadInput(f"{project.accepted_file}: no row has split 'train'", hint="make more with: octo synth")
    return samples


def _train(
    project: Project, folder: Path, settings: TrainSettings, samples: Sequence[Sample], on_tick: OnTick, *, anew: bool
) -> TrainReport:
    from octocli.model.adapter import save_full, save_lora
    from octocli.model.checkpoints import Checkpoint
    from octocli.model.encoding import encode_all
    from octocli.model.processes import join
    from octocli.model.sharding import whole_state
    from octocli.model.training import fit

    processes = join()
    on_tick = on_tick if processes.is_first else silent
    base = _open_base(project, processes, on_tick)
    on_tick(Tick("load", note=f"reading {base.name}"))
    manifest = _manifest(project, base, settings, samples)
    trainee, vocabulary, lora = _trainee(manifest, base, settings, project.config)
    passes = [
        encode_all(
            some,
            manifest,
            vocabulary,
            token_weight=settings.token_weight,
            describe=settings.describe,
            seed=project.config.seed,
        )
        for some in _passes(project, samples, manifest, settings)
    ]
    if processes.is_first:
        _clear(folder, anew=anew)
    processes.wait()
    curve = fit(
        trainee,
        passes,
        settings,
        seed=project.config.seed,
        checkpoint=Checkpoint(folder / "checkpoint.pt", data_hash([made_from(project, settings), base.checksum])),
        processes=processes,
        on_step=lambda s: on_tick(Tick("train", s.number, s.total, f"loss {s.loss:.3f}")),
    )
    manifest = calibrated(
        manifest, trainee, vocabulary, read_samples(project.accepted_file), project.config.max_false_calls, on_tick
    )
    weights = whole_state(trainee, processes) if lora is None else {}
    if processes.is_first:
        if lora is None:
            save_full(weights, trainee.row_ids, folder)
        else:
            save_lora(trainee, folder, lora, project.config.base)
        write_run(project, folder, settings, manifest, vocabulary, len(samples), curve)
    processes.wait()
    return _finished_report(folder, fresh=True)


def _open_base(project: Project, processes: "Processes", on_tick: OnTick) -> "Base":
    """The base; the first process of a machine fetches or converts it, the others then find it in the cache."""
    from octocli.model.bases import open_base

    if processes.local_index:
        processes.wait()
    base = open_base(project.config.base, project.root, lambda note: on_tick(Tick("base", note=note)))
    if not processes.local_index:
        processes.wait()
    return base


def _clear(folder: Path, *, anew: bool) -> None:
    """Make room for a run: the base could be read, so what is thrown away now will be replaced."""
    if anew:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").unlink(missing_ok=True)  # a stale run is not finished any more


def _passes(
    project: Project, samples: Sequence[Sample], manifest: Manifest, settings: TrainSettings
) -> Iterator[Sequence[Sample]]:
    """Yield the samples of each pass over the data: as they are, then with some of their values exchanged.

    The built-in teacher's rows stay: it drew a value for each of them, so there is nothing to gain.
    """
    own = [s for s in samples if s.teacher != BuiltinTeacher.name]
    taken = frozenset(normal(s.query) for s in read_samples(project.accepted_file))
    swaps = ValueSwaps(own, manifest.spec, manifest.copied, taken)
    yield samples
    for number in range(1, settings.epochs):
        rng = random.Random(f"{project.config.seed}/swap/{number}")
        yield [s if s.teacher == BuiltinTeacher.name else swaps.again(s, settings.swap, rng) for s in samples]


def _manifest(project: Project, base: "Base", settings: TrainSettings, samples: Sequence[Sample]) -> Manifest:
    kept = {"method": settings.method, "epochs": settings.epochs, "seed": project.config.seed}
    return Manifest(
        spec=project.spec,
        tokens=project.tokens,
        prompt=make_prompt(project.config.prompt),
        base=base.to_json(),
        settings=kept,
        copied=copied_parameters(samples, project.spec),
        language=project.config.synth.language,
        most_calls=max(1, min(MOST_CALLS, max(len(s.calls) for s in samples))),
    )


def _trainee(
    manifest: Manifest, base: "Base", settings: TrainSettings, config: Config
) -> tuple["Trainee", "Vocabulary", "LoraShape | None"]:
    """The network with its new rows started from what they stand for."""
    from octocli.model.encoding import describing_text
    from octocli.model.network import LoraShape, Trainee, described_rows, load_network, settled_precision
    from octocli.model.vocabulary import load_vocabulary

    precision = settled_precision(settings)
    model = load_network(base.folder, seed=config.seed, precision=precision)
    spec, tokens = manifest.spec, manifest.tokens
    vocabulary = load_vocabulary(
        base.folder, tokens.all_tokens(spec), model.get_input_embeddings().num_embeddings, reserved=config.reserved
    )
    texts = [describing_text(f) for f in spec.functions] + [" none of these, no function, something else", " end"]
    rows = described_rows(model, [vocabulary.text(t) for t in texts], config.seed)
    shape = LoraShape(settings.rank, settings.alpha, settings.modules, settings.upper)
    lora = shape if settings.method == "lora" else None
    row_ids = [vocabulary.ids[t] for t in tokens.all_tokens(spec)]
    return Trainee(model, rows, lora, row_ids, coarse=precision == "bfloat16"), vocabulary, lora


def _finished_report(folder: Path, *, fresh: bool = False) -> TrainReport:
    record = read_record(folder / "run.json")
    weights = list(folder.glob("*.safetensors"))
    warnings = []
    if record["steps"] < _FEW_STEPS:
        warnings.append(
            f"{record['steps']} steps are few to learn new tokens; more samples or --epochs help, a smaller --batch too"
        )
    elif record["loss"] > _UNSETTLED:
        warnings.append(
            f"the loss ended at {record['loss']:.2f}: its samples are not learnt; try --force with a lower --lr"
        )
    if 0 < record.get("at_once", batch := record["made_from"]["settings"]["batch"]) < batch:
        warnings.append(
            f"memory held {record['at_once']} samples at a time, not the {batch} of a batch: slower, no worse"
        )
    if record.get("recomputed") and record["processes"] == 1:
        warnings.append("memory held one sample only with its layers computed twice: slower, no worse")
    return TrainReport(
        run=folder,
        samples=record["samples"],
        steps=record["steps"],
        seconds=record["seconds"],
        loss=record["loss"],
        resumed_at=record["resumed_at"],
        bytes=sum(p.stat().st_size for p in weights),
        fresh=fresh,
        warnings=tuple(warnings),
    )
