"""Quantise a GGUF with llama.cpp. What a quantisation costs in answers is measured by the export stage, not here."""

import ctypes
import os
from collections import deque
from pathlib import Path

import llama_cpp

from octocli.core.errors import BadInput, OctoError

# llama.cpp's file types (`enum llama_ftype` in llama.h), from the largest and truest to the smallest.
QUANTS = {"f16": 1, "q8_0": 7, "q6_k": 18, "q5_k_m": 17, "q4_k_m": 15, "q4_0": 2}

_last_words: deque[str] = deque(maxlen=20)


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator,unused-ignore]
def _listen(level: int, text: bytes, user_data: object) -> None:
    _last_words.append(text.decode("utf-8", "replace"))


def silence() -> None:
    """Keep llama.cpp's log off the screen, and what it said before out of the next error.

    The callback lives in this module, or C would call into freed memory.
    """
    _last_words.clear()
    llama_cpp.llama_log_set(_listen, ctypes.c_void_p(0))


def quantise(source: Path, out: Path, quant: str, threads: int = 2) -> None:
    """Write `source`, a GGUF in f16 or f32, to `out` as `quant`; `out` appears whole or not at all.

    Args:
        source: the GGUF to read.
        out: the GGUF to write.
        quant: a name in QUANTS.
        threads: threads that llama.cpp may use.

    Raises:
        BadInput: an unknown type.
        OctoError: llama.cpp could not do it.
    """
    if quant not in QUANTS:
        raise BadInput(f"quant {quant!r} is none of {', '.join(QUANTS)}")
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.nthread = QUANTS[quant], threads
    silence()
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.new")
    try:
        code = llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(temporary), ctypes.byref(parameters))
        if code != 0:
            raise OctoError(f"{source}: llama.cpp cannot make {quant} of it: {last_words()}", hint="give an f16 GGUF")
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


def last_words() -> str:
    """The reason in llama.cpp's log: its last line, or the one before that names the error."""
    lines = [line.strip() for line in "".join(_last_words).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it gives no reason"])[-1]
