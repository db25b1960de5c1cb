"""Writes down what a client asks of a server and gets: a proxy in a process of its own, as GDAL holds the interpreter.

Each request is a line of JSON in a file: path, parameters, status, and how many features came.
"""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Asked(NamedTuple):
    """One request and what came."""

    path: str
    query: dict[str, str]
    status: int
    features: int


class Log:
    """What was asked."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = 0

    def new(self) -> list[Asked]:
        """What was asked since the last time somebody wanted to know."""
        lines = self._file.read_text("utf-8").splitlines()
        found, self._seen = lines[self._seen :], len(lines)
        return [Asked(*json.loads(line)) for line in found]


@contextmanager
def recording(address: str, file: Path) -> Iterator[tuple[str, Log]]:
    """The address of a proxy of the server at ``address``, and what is asked of it."""
    file.touch()
    command = [sys.executable, __file__, urlsplit(address).netloc, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", Log(file)
        finally:
            process.kill()


def _serve(target: str, file: Path) -> None:
    with file.open("a", encoding="utf-8", buffering=1) as log:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                # The Host stays, so that links lead here again; what is zipped could not be read.
                headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
                connection = http.client.HTTPConnection(target, timeout=300)
                connection.request(self.command, self.path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                asked = urlsplit(self.path)
                line = asked.path, dict(parse_qsl(asked.query, keep_blank_values=True)), answer.status, _features(body)
                log.write(json.dumps(line) + "\n")
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                length = answer.getheader("content-length", "0") if self.command == "HEAD" else str(len(body))
                self.send_header("Content-Length", length)
                self.end_headers()
                self.wfile.write(body)
                connection.close()

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            print(server.server_port, flush=True)
            server.serve_forever()


def _features(body: bytes) -> int:
    try:
        content = json.loads(body)
    except ValueError:
        return 0
    return len(content.get("features", [])) if isinstance(content, dict) else 0


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2]))
