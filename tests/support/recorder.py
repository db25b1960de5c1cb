"""A proxy that records the requests of a client and the answers of a server.

It runs in a process of its own, because GDAL holds the interpreter's lock while it waits. Each request becomes a line
of JSON in a file: path, parameters, status, and the number of features in the answer.
"""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit


class RecordedRequest(NamedTuple):
    """A request, with the status and the number of features of its answer."""

    path: str
    query: dict[str, str]
    status: int
    features: int


class Log:
    """The requests that a proxy has recorded."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = 0

    def new(self) -> list[RecordedRequest]:
        """The requests since the last call."""
        lines = self._file.read_text("utf-8").splitlines()
        new, self._seen = lines[self._seen :], len(lines)
        return [RecordedRequest(*json.loads(line)) for line in new]


@contextmanager
def recording(address: str, file: Path) -> Iterator[tuple[str, Log]]:
    """The address of a proxy of the server at ``address``, and the log of its requests."""
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
                # The Host header stays, so that links lead here again. Compressed answers could not be read here.
                headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
                connection = http.client.HTTPConnection(target, timeout=300)
                connection.request(self.command, self.path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                address = urlsplit(self.path)
                line = (
                    address.path,
                    dict(parse_qsl(address.query, keep_blank_values=True)),
                    answer.status,
                    _features(body),
                )
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

            def log_message(self, *_: object) -> None:
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
