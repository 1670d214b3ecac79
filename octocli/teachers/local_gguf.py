"""A GGUF file as a completer, by llama.cpp: no network, no bill, as slow as the machine. The user brings the file."""

import threading
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput, NotMade
from octocli.teachers.completions import Finish, Reply, Request, readable

_FINISH: dict[str, Finish] = {"stop": "stop", "length": "length"}


class LocalGguf:
    """An instruction-tuned model with a chat template. One request at a time: a context holds one conversation."""

    def __init__(self, path: Path, context: int = 4096) -> None:
        if not path.exists():
            raise NotMade(f"{path}: no such file", hint="an instruction-tuned GGUF of 4B to 8B does well")
        from llama_cpp import Llama

        try:
            self._llama = Llama(model_path=str(path), n_ctx=context, verbose=False)
        except ValueError as error:
            raise BadInput(f"{path}: llama.cpp cannot open it: {error}") from error
        self.model = path.name
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Reply:
        """One try; with a schema, the answer is written under its grammar."""
        messages: list[Any] = [{"role": "system", "content": request.system}] if request.system else []
        messages.append({"role": "user", "content": request.prompt})
        form: Any = None
        if request.schema is not None:
            form = {"type": "json_object", "schema": dict(request.schema)}
        with self._lock, readable(self.model):
            answer: Any = self._llama.create_chat_completion(
                messages, response_format=form, temperature=request.temperature, max_tokens=request.max_tokens
            )
            choice, usage = answer["choices"][0], answer["usage"]
            finish = _FINISH.get(choice["finish_reason"], "other")
            return Reply(choice["message"]["content"] or "", finish, usage["prompt_tokens"], usage["completion_tokens"])
