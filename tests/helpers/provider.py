"""An OpenID provider that says whatever a test wants it to, over real HTTP on loopback."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm


class Liar:
    """Its discovery and keys are right; its identity tokens are what `sign` makes of it."""

    def __init__(self, sign: "Callable[[Liar], str]") -> None:
        self.sign = sign
        self.issuer = ""
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.nonce = ""  # of the sign-in that is under way
        self.forms: list[dict[str, list[str]]] = []  # what came to the token endpoint
        self.more: dict[str, Any] = {}  # claims other than the good ones
        self.answer: Any = None  # instead of a good answer

    def claims(self) -> dict[str, Any]:
        """What an honest provider would say."""
        now = int(time.time())  # noqa: TID251 - a provider's own clock
        good = {"iss": self.issuer, "aud": "cranewatch", "sub": "u-1", "iat": now, "exp": now + 300,
                "nonce": self.nonce, "preferred_username": "li.na", **self.more}  # fmt: skip
        return {name: value for name, value in good.items() if value is not None}

    def public(self) -> dict[str, Any]:
        """The key that it shows."""
        shown: dict[str, Any] = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {**shown, "kid": "k1", "use": "sig", "alg": "RS256"}


@contextmanager
def serving(liar: Liar) -> Iterator[Liar]:
    """Serve it on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def _send(self, body: Any) -> None:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            if self.path == "/keys":
                self._send({"keys": [liar.public()]})
            else:
                own = liar.issuer
                self._send({"issuer": own, "authorization_endpoint": f"{own}/go", "token_endpoint": f"{own}/token",
                            "jwks_uri": f"{own}/keys"})  # fmt: skip

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            liar.forms.append(parse_qs(form))
            self._send(liar.answer if liar.answer is not None else {"access_token": "x", "id_token": liar.sign(liar)})

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    liar.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, name="liar", daemon=True)
    thread.start()
    try:
        yield liar
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
