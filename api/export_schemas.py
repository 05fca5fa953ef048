"""The shapes of exports in questions and answers. Times of answers are Unix ms."""

from typing import Annotated, Any, Final

from pydantic import Field

from api.buckets import Bucket
from api.deps import ID, MomentText
from api.schemas import Body
from telemetry.export.wish import Form, Subject
from telemetry.storage.export_jobs import JobState

Id = Annotated[str, Field(pattern=ID)]
Channel = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]


class ExportWish(Body):
    """What is wanted: of a site, or of one device of it, in [begin, end)."""

    what: Subject = Field(
        description="`readings`; `alarms`: every transition; `episodes`: an alarm from its raise to its end; `cycles`."
    )
    format: Form = Field(description="`json` is an object a line (NDJSON).")
    site: Id
    begin: MomentText
    end: MomentText
    kind: Id | None = Field(default=None, description="Of devices; needed for readings of a site that has several.")
    device: Id | None = None
    bucket: Bucket = Field(default=Bucket.RAW, description="Of readings: as they came, or mean, least and greatest of.")
    channels: list[Channel] | None = Field(default=None, max_length=64, description="Left out: all that there are.")
    notes: bool = Field(default=True, description="CSV: lines with # in front and at the end; JSON: `about` and `end`.")
    bom: bool = Field(default=False, description="CSV: a mark by which Excel sees that it is UTF-8.")


class ExportJob(Body):
    """An export that is made in the background."""

    id: str
    site: str
    what: Subject
    format: Form
    begin: int
    end: int
    device: str | None
    file_name: str
    state: JobState
    rows: int = Field(description="So far.")
    bytes: int = Field(description="So far.")
    fraction: float = Field(ge=0, le=1, description="Of the time that is covered, or of the record's length.")
    sha256: str | None = Field(description="Of the file, once it is whole.")
    error: str | None
    created_at: int
    ended_at: int | None
    expires_at: int | None = Field(description="The file is deleted then.")
    file: str | None = Field(description="Where the file is, once it is whole.")


class ExportJobs(Body):
    """A page of one's own exports, newest first."""

    items: list[ExportJob]
    next: int | None = Field(description="Pass as `before` for the next page; null at the end.")


_JOB: Final[dict[str, Any]] = {
    "id": "k3v9x0q2m7ab4c5d", "site": "demo", "what": "readings", "format": "parquet", "begin": 1799914000000,
    "end": 1800000400000, "device": "crane-1",
    "file_name": "demo-crane-1-readings-20270114T080640Z-20270115T080640Z.parquet", "state": "running", "rows": 215000,
    "bytes": 2400000, "fraction": 0.5, "sha256": None, "error": None, "created_at": 1800003700000, "ended_at": None,
    "expires_at": None, "file": None,
}  # fmt: skip
EXAMPLES: Final[dict[str, Any]] = {
    "ExportWish": {
        "what": "readings", "format": "parquet", "site": "demo", "begin": "2027-01-14T08:00:00Z",
        "end": "2027-01-15T08:00:00Z", "device": "crane-1", "bucket": "raw", "channels": ["load_t", "wind_mps"],
    },
    "ExportJob": _JOB,
    "ExportJobs": {"items": [_JOB], "next": None},
}  # fmt: skip
