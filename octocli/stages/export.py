"""`octo export`: a run as GGUF files, each asked the same questions as the trained model before it may ship."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octocli.core.calls import dump_value
from octocli.core.errors import BadInput, NotMade, Refused
from octocli.core.manifest import GGUF_KEY, Manifest
from octocli.core.project import DEFAULT_RUN, FINEST_QUANT, Project, file_hash, read_record, write_json
from octocli.core.samples import Sample, read_samples
from octocli.core.scoring import Rate
from octocli.stages.answers import Outcome, kept_answers
from octocli.stages.evaluate import ask_all
from octocli.stages.progress import OnTick, Tick, silent

if TYPE_CHECKING:
    from octocli.model.adapter import TrainedModel

# Fewer say nothing of a tolerance of a few per cent.
_FEWEST_QUERIES = 20
# The largest value of a channel is much the same in any fifty texts.
_SMOOTHED_BY = 64


@dataclass(frozen=True)
class Parity:
    """How one GGUF compares with the trained model."""

    file: Path
    quant: str
    bytes: int
    same: Rate
    same_functions: Rate
    changed: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """The comparison as `parity.json` writes it."""
        return {
            "file": self.file.name,
            "quant": self.quant,
            "bytes": self.bytes,
            "same_calls": self.same.to_json(),
            "same_functions": self.same_functions.to_json(),
            "changed": list(self.changed),
        }


@dataclass(frozen=True)
class ExportReport:
    """The files that were written and how faithful they are."""

    parities: tuple[Parity, ...]
    tolerance: float
    refused: tuple[str, ...] = ()


def export(
    project: Project,
    *,
    quants: Sequence[str] = (),
    run: str = DEFAULT_RUN,
    tolerance: float | None = None,
    on_tick: OnTick = silent,
) -> ExportReport:
    """Write one GGUF for each quantisation and compare it with the run.

    Without `quants`, the project's default is written, and the finest in its place where that is refused.

    Raises:
        NotMade: the run is not finished.
        BadInput: an unknown quantisation, or a base that llama.cpp cannot run.
        Refused: a file changes more calls than the tolerance; it is not shipped, the others are.
    """
    from octocli.runtime.caller import open_caller

    wanted = list(quants) or [project.config.export.quant]
    check_quants(wanted)
    limit = project.config.export.tolerance if tolerance is None else tolerance
    folder = project.run(run)
    samples = _parity_samples(project)
    project.dist.mkdir(parents=True, exist_ok=True)
    on_tick(Tick("load", note=f"reading {folder.name}"))
    with open_caller(folder) as caller:
        source = _patchable(caller.engine, on_tick)  # what cannot be written is told before anything is asked
        full = project.dist / f".{project.spec.app}-unquantised.gguf"
        reference = kept_answers(folder, project.accepted_file, samples) or ask_all(
            caller, samples, lambda n: on_tick(Tick("asking the trained model", n, len(samples)))
        )
        _smooth(caller.engine, read_samples(project.accepted_file), on_tick)
        _write_f16(caller.engine, source, full, on_tick)
    try:
        parities = [_compare(project, full, quant, reference, limit, on_tick) for quant in wanted]
        spare = [] if quants or FINEST_QUANT in wanted or _passes(parities[0], limit) else [FINEST_QUANT]
        parities += [_compare(project, full, quant, reference, limit, on_tick) for quant in spare]
    finally:
        full.unlink(missing_ok=True)
    _record(project, run, parities, limit)
    passed = tuple(p for p in parities if _passes(p, limit))
    if not (spare and passed):
        _refuse(parities, limit)
    return ExportReport(passed, limit, tuple(p.quant for p in parities if p not in passed))


def was_refused(project: Project, run: str, quant: str) -> bool:
    """Whether the run as it is now was exported to `quant` and changed more than the settings allow now."""
    refused = [f["same_calls"] for f in _earlier(project, run).get("refused", ()) if f["quant"] == quant]
    return any(not _within(f["hits"], f["n"], project.config.export.tolerance) for f in refused)


def check_quants(quants: Sequence[str]) -> None:
    """Refuse an unknown quantisation before anything is trained for it."""
    from octocli.model.quantise import QUANTS

    for quant in quants:
        if quant not in QUANTS:
            raise BadInput(f"no quantisation {quant!r}", hint=f"there are: {', '.join(QUANTS)}")


def is_exported(project: Project, run: str = DEFAULT_RUN, quants: Sequence[str] = ()) -> bool:
    """Whether each quantisation was exported from the run as it is now, and passed."""
    passed = {entry["quant"] for entry in _earlier(project, run).get("files", ())}
    wanted = quants or [project.config.export.quant]
    return all(quant in passed and project.gguf_file(quant).exists() for quant in wanted)


def _earlier(project: Project, run: str) -> dict[str, Any]:
    """`parity.json`, if it is of the run as it is now."""
    record = read_record(project.dist / "parity.json")
    same = record.get("made_from") == _made_from(project, run)
    return record if same else {}


def _made_from(project: Project, run: str) -> dict[str, str]:
    return {"run": file_hash(project.run(run) / "run.json")}


def _parity_samples(project: Project) -> list[Sample]:
    if not project.accepted_file.exists():
        raise NotMade(f"{project.accepted_file}: no verified samples to compare on", hint="make them with: octo verify")
    samples = read_samples(project.accepted_file)
    count = project.config.export.parity_queries
    ordered = [s for split in ("test", "validation", "train") for s in samples if s.split == split]
    if len(ordered) < _FEWEST_QUERIES:
        raise BadInput(f"{project.accepted_file}: {len(ordered)} samples are too few to compare on", hint="octo synth")
    # Evenly over the first split that is large enough, so that every function and kind has its share.
    pool = [s for s in ordered if s.split == ordered[0].split]
    pool = pool if len(pool) >= count else ordered
    step = max(1.0, len(pool) / count)
    return [pool[int(i * step)] for i in range(min(count, len(pool)))]


def _smooth(engine: Any, samples: Sequence[Sample], on_tick: OnTick) -> None:
    """Ready the model for quantising, by some of the rows that it learnt."""
    from octocli.model.encoding import encode
    from octocli.model.smoothing import smooth

    learnt = [s for s in samples if s.split == "train"] or list(samples)
    some = learnt[:: -(-len(learnt) // _SMOOTHED_BY)]
    rows = (encode(sample, engine.manifest, engine.vocabulary) for sample in some)

    def sequences() -> Iterator[Sequence[int]]:
        for number, row in enumerate(rows, 1):
            yield row.given + row.learnt
            on_tick(Tick("smoothing", number, len(some)))

    smooth(engine.trained.model, sequences())


def _patchable(engine: Any, on_tick: OnTick) -> Path:
    """The base's GGUF, of an architecture that octo knows how to write."""
    from octocli.model.gguf_base import base_gguf
    from octocli.model.gguf_header import open_gguf

    source = base_gguf(engine.base, lambda note: on_tick(Tick("export", note=note)))
    open_gguf(source).architecture()
    return source


def _write_f16(engine: Any, source: Path, out: Path, on_tick: OnTick) -> None:
    from octocli.model.gguf_file import chat_template, write_gguf

    manifest: Manifest = engine.manifest
    on_tick(Tick("export", note="writing f16"))
    trained, tokens = engine.trained, manifest.tokens.all_tokens(manifest.spec)
    write_gguf(
        source,
        out,
        weights=trained.body(),
        **_placed(trained, tokens),
        end_token=manifest.tokens.end,
        chat_template=chat_template(manifest.prompt, bos=bool(engine.opening)),
        metadata={GGUF_KEY: manifest.dumps()},
        name=f"{manifest.spec.app} (octo)",
        licence=engine.base.licence,
        base_size=trained.base_size,
    )


def _placed(trained: "TrainedModel", tokens: Sequence[str]) -> dict[str, Any]:
    """Where a GGUF gets octo's tokens: after the base's own, or in place of some, whose rows the weights hold then."""
    rows, head_rows = trained.rows(), trained.head_rows()
    if not trained.is_in_place:
        return {"new_tokens": tokens, "rows": rows, "head_rows": head_rows}
    renamed = dict(zip(trained.row_ids, tokens, strict=True))
    return {
        "new_tokens": [],
        "rows": rows[:0],
        "head_rows": None if head_rows is None else head_rows[:0],
        "renamed": renamed,
    }


def _compare(
    project: Project, full: Path, quant: str, reference: Sequence[Outcome], limit: float, on_tick: OnTick
) -> Parity:
    """Quantise under a hidden name and ask; only a file that passed gets its own name."""
    from octocli.model.quantise import quantise
    from octocli.runtime.caller import open_caller

    out = project.gguf_file(quant)
    candidate = out.with_name(f".{out.name}")
    on_tick(Tick("export", note=f"writing {quant}"))
    quantise(full, candidate, quant)
    samples = [o.sample for o in reference]
    with open_caller(candidate) as caller:
        answers = ask_all(
            caller, samples, lambda n: on_tick(Tick(f"asking {quant}", n, len(samples))), [o.ids for o in reference]
        )
    pairs = list(zip(reference, answers, strict=True))
    same = [dump_value(list(a.calls)) == dump_value(list(b.calls)) for a, b in pairs]
    named = [_names(a.calls) == _names(b.calls) for a, b in pairs]
    changed = tuple(
        {"query": a.sample.query, "trained": list(a.calls), quant: list(b.calls)}
        for (a, b), equal in zip(pairs, same, strict=True)
        if not equal
    )
    size = candidate.stat().st_size
    parity = Parity(out, quant, size, Rate(sum(same), len(same)), Rate(sum(named), len(named)), changed)
    if _passes(parity, limit):
        candidate.replace(out)
    else:
        candidate.unlink()
        out.unlink(missing_ok=True)  # an earlier run's file would be taken for this one's
    return parity


def _names(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    return [call["name"] for call in calls]


def _record(project: Project, run: str, parities: Sequence[Parity], limit: float) -> None:
    """Write `parity.json`; files of earlier exports of the same run stay listed."""
    path = project.dist / "parity.json"
    earlier = _earlier(project, run)
    fresh = {p.quant for p in parities}
    kept = [f for f in earlier.get("files", ()) if f["quant"] not in fresh]
    passed = [p.to_json() for p in parities if _passes(p, limit)]
    refused = [f for f in earlier.get("refused", ()) if f["quant"] not in fresh]
    refused += [p.to_json() for p in parities if not _passes(p, limit)]
    made_from = _made_from(project, run)
    record = {"version": 1, "made_from": made_from, "tolerance": limit, "files": kept + passed, "refused": refused}
    write_json(path, record)


def _passes(parity: Parity, limit: float) -> bool:
    return _within(parity.same.hits, parity.same.n, limit)


def _within(hits: int, n: int, limit: float) -> bool:
    return n - hits <= limit * n


def _refuse(parities: Sequence[Parity], limit: float) -> None:
    failed = [p for p in parities if not _passes(p, limit)]
    if failed:
        worst = ", ".join(f"{p.quant} changes {p.same.n - p.same.hits} of {p.same.n} calls" for p in failed)
        raise Refused(
            f"not shipped: {worst}; the tolerance is {limit:.1%}",
            hint="see dist/parity.json; try a finer quantisation (--quant f16), or allow more with --tolerance",
        )
