"""Where everything lies in a project folder. The one place that knows a path.

Also hashes of files, by which a stage knows whether what it was made from has changed.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from octocli.core import DEFAULT_RUN as DEFAULT_RUN
from octocli.core.config import Config, load_config
from octocli.core.errors import BadInput, NotMade
from octocli.core.samples import write_atomically
from octocli.core.spec import Spec, load_spec
from octocli.core.tokens import TokenTable, dump_tokens, load_tokens

FINEST_QUANT = "f16"
_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Project:
    """A project folder and the paths in it.

    `shard` names the part of the samples that is made here, such as `3-of-8`; what synth writes then lies apart.
    """

    root: Path
    shard: str = ""

    @property
    def shards(self) -> Path:
        """What other machines made: a folder for each part."""
        return self.root / "data" / "shards"

    @property
    def made(self) -> Path:
        """The folder that synth writes into."""
        return self.shards / self.shard if self.shard else self.root / "data"

    @property
    def whole(self) -> "Project":
        """The project without its shard."""
        return Project(self.root)

    @property
    def config_file(self) -> Path:
        """The settings."""
        return self.root / "octo.toml"

    @property
    def spec_file(self) -> Path:
        """The API spec."""
        return self.root / "api.json"

    @property
    def tokens_file(self) -> Path:
        """The token table."""
        return self.root / "tokens.json"

    @property
    def samples_file(self) -> Path:
        """Every sample ever made."""
        return self.made / "samples.jsonl"

    @property
    def replies_file(self) -> Path:
        """Every reply of a teacher that was asked."""
        return self.made / "replies.jsonl"

    @property
    def ledger_file(self) -> Path:
        """Every request that was sent to a teacher."""
        return self.made / "ledger.jsonl"

    @property
    def bill_file(self) -> Path:
        """What the teachers cost, summed up."""
        return self.made / "bill.json"

    @property
    def shard_record(self) -> Path:
        """What a shard is made from."""
        return self.made / "shard.json"

    @property
    def prices_file(self) -> Path:
        """The user's own prices of models, where there are any."""
        return self.root / "prices.toml"

    @property
    def accepted_file(self) -> Path:
        """Verified samples with their split."""
        return self.root / "data" / "accepted.jsonl"

    @property
    def rejected_file(self) -> Path:
        """Rejected samples with the reason."""
        return self.root / "data" / "rejected.jsonl"

    @property
    def verified_record(self) -> Path:
        """What the last verification was made from; written last."""
        return self.root / "data" / "verify.json"

    @property
    def build_mark(self) -> Path:
        """Stands while `octo build` goes round between synth and verify: after a kill, it goes on with that."""
        return self.root / "data" / "build.json"

    @property
    def runs(self) -> Path:
        """The folder of training runs."""
        return self.root / "runs"

    @property
    def dist(self) -> Path:
        """The folder of shipped models."""
        return self.root / "dist"

    def run(self, name: str = DEFAULT_RUN) -> Path:
        """The folder of one run."""
        if not _RUN_NAME.fullmatch(name):
            raise BadInput(f"{name!r} is no run name", hint="use letters, digits, '.', '_' and '-'")
        return self.runs / name

    def gguf_file(self, quant: str) -> Path:
        """The shipped model of one quantisation."""
        return self.dist / f"{self.spec.app}-{quant}.gguf"

    def shipped_file(self) -> Path | None:
        """The model to ship: of the default quantisation, or, where that was refused, the finest."""
        candidates = (self.gguf_file(self.config.export.quant), self.gguf_file(FINEST_QUANT))
        return next((file for file in candidates if file.exists()), None)

    @cached_property
    def config(self) -> Config:
        """The settings, read once."""
        return load_config(self.config_file)

    @cached_property
    def spec(self) -> Spec:
        """The API spec, read once."""
        if not self.spec_file.exists():
            raise NotMade(f"{self.spec_file}: no such file", hint="make a project with: octo init NAME")
        return load_spec(self.spec_file)

    @cached_property
    def tokens(self) -> TokenTable:
        """The token table; functions that the spec gained since are added to it and to its file."""
        if not self.tokens_file.exists():
            raise NotMade(f"{self.tokens_file}: no such file", hint="restore it from git, or run: octo init again")
        table = load_tokens(self.tokens_file)
        if table.app != self.spec.app:
            raise BadInput(f"{self.tokens_file}: made for {table.app!r}, but api.json says {self.spec.app!r}")
        extended = table.extended(self.spec)
        if extended != table:
            write_atomically(self.tokens_file, dump_tokens(extended))
        return extended


def open_project(root: Path) -> Project:
    """The project at `root`.

    Raises:
        NotMade: the folder holds no `octo.toml`.
    """
    project = Project(root)
    if not project.config_file.exists():
        raise NotMade(f"{root}: no octo project here (octo.toml is missing)", hint="make one with: octo init NAME")
    return project


def file_hash(path: Path) -> str:
    """BLAKE2b of a file's bytes, 32 hex digits; '' where there is no file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def data_hash(data: Any) -> str:
    """BLAKE2b of a JSON value, independent of key order."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def read_record(path: Path) -> dict[str, Any]:
    """What a stage wrote of its result; empty where there is no such file or it is damaged: the stage runs again."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file by rename."""
    write_atomically(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")
