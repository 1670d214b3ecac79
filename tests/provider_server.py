"""A server on loopback that speaks Gemini's and OpenAI's protocols, and misbehaves when told to.

What it does with a request is the next word of its script, or `good` when the script is over. It notes what it was
asked, when, how it treated it, and the tokens of the replies that it delivered whole.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKENS_IN, TOKENS_OUT, THOUGHT = 11, 22, 99
# Word of the script -> status, Gemini's name for it, headers.
STATUS: dict[str, tuple[int, str, dict[str, str]]] = {
    "429": (429, "RESOURCE_EXHAUSTED", {"Retry-After": "0.01"}),
    "429 bare": (429, "RESOURCE_EXHAUSTED", {}),
    "400": (400, "INVALID_ARGUMENT", {}),
    "401": (401, "UNAUTHENTICATED", {}),
    "404": (404, "NOT_FOUND", {}),
    "500": (500, "INTERNAL", {}),
    "503": (503, "UNAVAILABLE", {}),
}
FINISH = {"safety": "SAFETY", "recitation": "RECITATION", "length": "MAX_TOKENS", "new": "UNEXPECTED_TOOL_CALL"}


class ProviderServer:
    """The server. `answer` makes the reply's text from the request's prompt."""

    def __init__(self, answer: Callable[[str], str] = lambda prompt: json.dumps({"echo": prompt})) -> None:
        self.answer = answer
        self.script: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.treated: list[str] = []
        self.delivered = 0
        self.tokens = [0, 0]
        self.over = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(_Handler):
            server_state = outer

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def next_word(self, request: dict[str, Any]) -> str:
        """Note a request; how to treat it."""
        with self._lock:
            self.asked.append(request | {"at": time.monotonic()})
            self.treated.append(self.script.pop(0) if self.script else "good")
            return self.treated[-1]

    def count(self, tokens_in: int, tokens_out: int) -> None:
        """A reply went out whole."""
        with self._lock:
            self.delivered += 1
            self.tokens[0] += tokens_in
            self.tokens[1] += tokens_out


@contextmanager
def provider(answer: Callable[[str], str] | None = None) -> Iterator[ProviderServer]:
    """A server that runs until the block ends."""
    server = ProviderServer(answer) if answer else ProviderServer()
    thread = threading.Thread(target=server._http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server._http.shutdown()
        server._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: ProviderServer

    def log_message(self, *_: Any) -> None:
        """Be quiet."""

    def do_POST(self) -> None:
        """Answer by the script."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        is_openai = self.path.endswith("/chat/completions")
        word = self.server_state.next_word({"path": self.path, "headers": dict(self.headers), "body": body})
        prompt = body["messages"][-1]["content"] if is_openai else body["contents"][0]["parts"][0]["text"]
        if word in STATUS:
            status, name, headers = STATUS[word]
            error = {"message": f"told to: {word}", "code": status, "status": name}
            self._send(status, {"error": error}, headers)
        elif word == "cut":
            self._cut(json.dumps(self._reply(is_openai, "good", prompt)).encode())
        elif word.startswith("wait"):
            self._send(429, {"error": {"message": "told to: 429", "code": 429}}, {"Retry-After": word.split()[1]})
        elif word == "never":
            self.server_state.over.wait()
            self.close_connection = True
        elif word.startswith("slow"):
            time.sleep(float(word.split()[1]))
            self._good(is_openai, "good", prompt)
        elif word == "malformed":
            self._send_bytes(200, b'{"candidates": [{"content"', {})
        elif word == "wrong types":
            self._send(200, {"candidates": "none", "choices": 7, "usage": [], "usageMetadata": "much"}, {})
        else:
            self._good(is_openai, word, prompt)

    def _good(self, is_openai: bool, word: str, prompt: str) -> None:
        if not self._send(200, self._reply(is_openai, word, prompt), {}):
            return
        out = 0 if word == "prompt blocked" else TOKENS_OUT + (THOUGHT if word == "thinking" else 0)
        self.server_state.count(TOKENS_IN, out)

    def _reply(self, is_openai: bool, word: str, prompt: str) -> dict[str, Any]:
        text = self.server_state.answer(prompt)
        return _openai_reply(word, text) if is_openai else _gemini_reply(word, text, self.path)

    def _send(self, status: int, data: Any, headers: dict[str, str]) -> bool:
        return self._send_bytes(status, json.dumps(data).encode(), headers)

    def _send_bytes(self, status: int, data: bytes, headers: dict[str, str]) -> bool:
        """Whether the other side was still there to take it."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True
            return False
        return True

    def _cut(self, data: bytes) -> None:
        """Half of an answer, then nothing."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


def _gemini_reply(word: str, text: str, path: str) -> dict[str, Any]:
    matched = re.search(r"/models/([^:]+):", path)
    assert matched is not None, path
    if word == "prompt blocked":
        usage = {"promptTokenCount": TOKENS_IN, "totalTokenCount": TOKENS_IN}
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage}
    candidate: dict[str, Any] = {"finishReason": FINISH.get(word, "STOP"), "index": 0}
    if word not in ("safety", "recitation"):
        shown = text[: len(text) // 2] if word == "length" else text
        candidate["content"] = {"role": "model", "parts": [{"text": shown}]}
    thought = THOUGHT if word == "thinking" else 0
    return {
        "candidates": [candidate],
        "usageMetadata": {
            "promptTokenCount": TOKENS_IN,
            "candidatesTokenCount": TOKENS_OUT,
            "totalTokenCount": TOKENS_IN + TOKENS_OUT + thought,
        },
        "modelVersion": matched[1],
        "someFutureField": 1,
    }


def _openai_reply(word: str, text: str) -> dict[str, Any]:
    finish = {"safety": "content_filter", "prompt blocked": "content_filter", "length": "length", "new": "moon"}
    content = None if word in ("safety", "prompt blocked") else text[: len(text) // 2] if word == "length" else text
    out = 0 if word == "prompt blocked" else TOKENS_OUT + (THOUGHT if word == "thinking" else 0)
    usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": out, "total_tokens": TOKENS_IN + out}
    choice = {
        "index": 0,
        "finish_reason": finish.get(word, "stop"),
        "message": {"role": "assistant", "content": content},
    }
    reply = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return reply | ({"usage": None} if word == "no usage" else {})
