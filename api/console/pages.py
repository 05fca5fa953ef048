"""Console."""

from fastapi import FastAPI

from api.deps import Parts


def mount(app: FastAPI, parts: Parts) -> None: ...
