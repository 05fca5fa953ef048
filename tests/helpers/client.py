"""
Starlette's test client.

It says that it would rather have httpx2 than httpx; both serve, and one HTTP client is enough for this project.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["TestClient"]
