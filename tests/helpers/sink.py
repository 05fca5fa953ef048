"""A webhook of our own on loopback that counts what it is sent, and can refuse, be slow or hang."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Sink:
    """Takes POSTs of JSON; `paths` says how many came for each path, `messages` what they were, in order."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.refuse = 0  # so many POSTs are answered with 500
        self.delay_s = 0.0
        self._lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if sink.delay_s:
                    threading.Event().wait(sink.delay_s)
                with sink._lock:
                    refused = sink.refuse > 0
                    sink.refuse -= refused
                    if not refused:
                        sink.messages.append((self.path.strip("/"), body))
                self.send_response(500 if refused else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A sender that was killed lets go in the middle: that is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def url(self, name: str) -> str:
        """The apprise URL of a path."""
        return f"json://127.0.0.1:{self.port}/{name}"

    @property
    def paths(self) -> Counter[str]:
        """How many came for each path."""
        return Counter(path for path, _ in self.messages)

    def titles(self, name: str) -> list[str]:
        """The titles that came for a path, in order."""
        return [str(body["title"]) for path, body in self.messages if path == name]

    def bodies(self, name: str) -> list[str]:
        """The texts that came for a path, in order."""
        return [str(body["message"]) for path, body in self.messages if path == name]

    def __enter__(self) -> "Sink":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
