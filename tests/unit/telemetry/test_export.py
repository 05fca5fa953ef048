"""What an exported file says, byte for byte; and what an episode is."""

import csv
import io
import json
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from telemetry.export import columns, rows
from telemetry.export.columns import Column, Sort
from telemetry.export.parquet import GROUP_ROWS, KEY
from telemetry.export.wish import Form
from telemetry.export.writing import BOM, harmless, writer

SHANGHAI = ZoneInfo("Asia/Shanghai")
COLUMNS = (
    Column("device", Sort.TEXT), Column("time", Sort.TIME), Column("unix_ms", Sort.INT),
    Column("load_t", Sort.REAL, "t", "吊重", "load"), Column("power_ok", Sort.FLAG),
)  # fmt: skip
AT = 1_800_000_000_123
ROWS = [("crane-1", AT, AT, 3.21, True), ('=HYPERLINK("x")', AT, AT, None, None)]
ABOUT = {"site": "demo", "frames": {"sent": 3, "missing": 1}}


def written(form: Form, made: list[Any] | None = None, *, notes: bool = True, bom: bool = False) -> bytes:
    file = writer(form, COLUMNS, SHANGHAI, ABOUT, notes=notes, bom=bom)
    return file.begin() + file.add(ROWS if made is None else made) + file.end()


def test_a_csv_says_what_it_is_has_times_of_the_site_and_ends_with_how_many_there_were() -> None:
    lines = written(Form.CSV).decode().split("\r\n")
    assert lines[:2] == ["# site: demo", '# frames: {"sent": 3; "missing": 1}']
    assert lines[2:4] == [
        "device,time,unix_ms,load_t,power_ok",
        f"crane-1,2027-01-15T16:00:00.123+08:00,{AT},3.21,true",
    ]
    assert lines[5:] == ["# end: 2 rows", ""]
    assert written(Form.CSV, notes=False).startswith(b"device,")
    assert written(Form.CSV, bom=True).startswith(BOM + b"# site")


def test_no_text_of_a_stranger_is_a_formula_in_a_spreadsheet() -> None:
    found = list(csv.reader(io.StringIO(written(Form.CSV, notes=False).decode())))
    assert found[2] == ['\'=HYPERLINK("x")', "2027-01-15T16:00:00.123+08:00", str(AT), "", ""]
    for start in ("=1", "+1", "-1", "@x", "\tx", "\rx", "＝1"):
        assert harmless(start) == f"'{start}"
    assert harmless("1-2") == "1-2"
    # A number below nought is a number.
    assert b",-1.5," in written(Form.CSV, [("c", AT, AT, -1.5, True)])


def test_json_is_an_object_a_line_and_a_torn_file_has_no_end() -> None:
    found = [json.loads(line) for line in written(Form.JSON).decode().splitlines()]
    assert found[0] == {"about": ABOUT}
    assert found[2] == {
        "device": '=HYPERLINK("x")', "time": "2027-01-15T16:00:00.123+08:00", "unix_ms": AT, "load_t": None,
        "power_ok": None,
    }  # fmt: skip
    assert found[-1] == {"end": {"rows": 2}}
    assert len(written(Form.JSON, notes=False).splitlines()) == 2


def test_a_parquet_file_has_types_units_and_what_it_is_about() -> None:
    table = pq.read_table(io.BytesIO(written(Form.PARQUET)))
    assert [str(field.type) for field in table.schema] == [
        "string", "timestamp[ms, tz=Asia/Shanghai]", "int64", "double", "bool",
    ]  # fmt: skip
    assert table.schema.field("load_t").metadata == {b"unit": b"t", b"zh": "吊重".encode(), b"en": b"load"}
    assert json.loads(table.schema.metadata[KEY]) == ABOUT
    assert table.to_pydict()["load_t"] == [3.21, None]
    assert table.to_pydict()["time"][0].isoformat() == "2027-01-15T16:00:00.123000+08:00"


def test_a_long_parquet_file_gives_its_bytes_as_it_goes() -> None:
    file = writer(Form.PARQUET, COLUMNS, SHANGHAI, ABOUT, notes=True, bom=False)
    parts = [file.begin()]
    page = [(f"crane-{n}", AT + n, n, n / 7, n % 2 == 0) for n in range(GROUP_ROWS // 4)]
    for _ in range(9):
        parts.append(file.add(page))
    assert sum(bool(part) for part in parts[1:]) == 2  # a group each time there is enough
    found = pq.ParquetFile(io.BytesIO(b"".join([*parts, file.end()])))
    assert (found.num_row_groups, found.metadata.num_rows) == (3, 9 * len(page))


def test_a_file_without_rows_is_one_all_the_same() -> None:
    assert pq.read_table(io.BytesIO(written(Form.PARQUET, []))).num_rows == 0
    assert written(Form.CSV, [], notes=False) == b"device,time,unix_ms,load_t,power_ok\r\n"


# Episodes: "signal@second:state/severity" of one alarm of one crane, in order.


def log(script: str) -> list[dict[str, Any]]:
    made, previous = [], "normal"
    for n, word in enumerate(script.split(), 1):
        signal, _, rest = word.partition("@")
        at, _, rest = rest.partition(":")
        state, _, severity = rest.partition("/")
        payload = {
            "value": 90.0 + n,
            "limit": 90.0,
            "unit": "%",
            "text": {"zh": "力矩", "en": "moment"},
            "who": "li.na",
        }
        made.append({
            "device_id": 1, "site": "s", "kind": "crane", "device": "c1", "rule": "moment", "position": n,
            "id": f"t{n}", "signal": signal, "previous": previous, "state": state, "severity": int(severity),
            "at_ms": int(at) * 1000, "life_safety": True, "payload": payload,
            "closed_as": None, "closed_by": None, "closing_note": None,
        })  # fmt: skip
        previous = state
    return made


def told(cells: tuple[Any, ...]) -> dict[str, Any]:
    return {column.name: cell for column, cell in zip(columns.EPISODES, cells, strict=True)}


def test_an_episode_goes_from_its_raise_to_normal_with_its_worst_and_who_answered_first() -> None:
    fold = rows.Episodes(0, 100_000)
    script = "raise@10:unacknowledged/2 escalate@12:unacknowledged/3 acknowledge@20:acknowledged/3 clear@50:normal/0"
    (cells,) = fold.add(log(script))
    one = told(cells)
    assert (one["raised_unix_ms"], one["ended_unix_ms"], one["duration_s"]) == (10_000, 50_000, 40.0)
    assert (one["severity"], one["value"], one["transition"], one["transitions"]) == (3, 92.0, "t1", 4)
    assert (one["acknowledged_after_s"], one["acknowledged_by"], one["state"]) == (10.0, "li.na", "normal")
    assert not fold.waiting


@pytest.mark.parametrize(
    ("script", "raised"),
    [
        ("raise@1:unacknowledged/3 clear@20:normal/0 raise@30:unacknowledged/3 clear@99:normal/0", [30]),  # before it
        ("raise@60:unacknowledged/3 clear@61:normal/0", []),  # behind it
        ("raise@10:unacknowledged/3 clear@70:normal/0", [10]),  # ends behind it
        ("raise@10:unacknowledged/3 raise@20:unacknowledged/3", [10]),  # is not over
    ],
)
def test_episodes_of_a_span_are_those_that_were_raised_in_it(script: str, raised: list[int]) -> None:
    fold = rows.Episodes(5_000, 60_000)
    found = [told(one) for one in fold.add(log(script)) + fold.rest()]
    assert [one["raised_unix_ms"] // 1000 for one in found] == raised
    assert all((one["ended_time"] is None) == (one["state"] != "normal") for one in found)
