"""Quantise a GGUF with llama.cpp. What a quantisation costs in answers is measured by the export stage, not here."""

import ctypes
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import gguf
import llama_cpp

from octocli.core.errors import BadInput, OctoError
from octocli.model.gguf_header import open_gguf


@dataclass(frozen=True)
class Quant:
    """One way to quantise: llama.cpp's file type (`enum llama_ftype` in llama.h) and what it is good for."""

    ftype: int
    note: str


QUANTS = {
    "f16": Quant(1, "no loss that shows, largest"),
    "q8_0": Quant(7, "half of f16, nearly its answers"),
    "q6_k": Quant(18, "like q8_0 where the width divides by 256, a little smaller"),
    "q5_k_m": Quant(17, "between q6_k and q4_k_m"),
    "q4_k_m": Quant(15, "small; loses less than q4_0"),
    "q4_0": Quant(2, "small and the fastest on CPUs; loses most"),
}

_last_words: deque[str] = deque(maxlen=20)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator,unused-ignore]
def _listen(level: int, text: bytes, user_data: object) -> None:
    _last_words.append(text.decode("utf-8", "replace"))


def silence() -> None:
    """Keep llama.cpp's log off the screen. The callback lives in this module, or C would call into freed memory."""
    llama_cpp.llama_log_set(_listen, ctypes.c_void_p(0))


def quantise(source: Path, out: Path, quant: str, threads: int = 2, *, embedding: str | None = None) -> None:
    """Write `source`, a GGUF in f16 or f32, to `out` as `quant`; `out` appears whole or not at all.

    Args:
        source: the GGUF to read.
        out: the GGUF to write.
        quant: a name in QUANTS.
        threads: threads that llama.cpp may use.
        embedding: another type for the token embedding, such as "q4_0"; on a tied model it is the output matrix too.

    Raises:
        BadInput: an unknown type, or an embedding type whose blocks do not divide the model's width.
        OctoError: llama.cpp could not do it.
    """
    if quant not in QUANTS:
        raise BadInput(f"quant {quant!r} is none of {', '.join(QUANTS)}")
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread = QUANTS[quant].ftype, threads
    if embedding is not None:
        parameters.token_embedding_type = _embedding_type(source, embedding)
    silence()
    _last_words.clear()
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.new")
    try:
        code = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(temporary), ctypes.byref(parameters))
        if code != 0:
            raise OctoError(f"{source}: llama.cpp cannot make {quant} of it: {_reason()}", hint="give an f16 GGUF")
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def _reason() -> str:
    lines = [line.strip() for line in "".join(_last_words).splitlines() if line.strip()]
    return lines[-1] if lines else "it gives no reason"


def _embedding_type(source: Path, name: str) -> int:
    """The ggml type of that name. llama.cpp skips its own check for this option and aborts the process."""
    if name.upper() not in gguf.GGMLQuantizationType.__members__:
        raise BadInput(f"embedding type {name!r} is no ggml type", hint="q8_0 or q4_0")
    kind = gguf.GGMLQuantizationType[name.upper()]
    base = open_gguf(source)
    width, (block, _) = base.number(f"{base.arch}.embedding_length"), gguf.GGML_QUANT_SIZES[kind]
    if width % block:
        raise BadInput(
            f"{source}: embedding type {name} wants a width that divides by {block}, and the model's is {width}",
            hint="q8_0 or q4_0",
        )
    return int(kind)
