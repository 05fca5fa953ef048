"""Broken site files: all that is wrong at once, each with its line, its key and both languages."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.ladder import Address
from telemetry.sitefile import check
from telemetry.sitefile.finding import errors, warnings
from tests.helpers.sitefiles import WHOLE

POUR = '[[pours]]\npermit = "P"\nbay = "A"\nbegin = 0001-01-01T00:00:00Z\nend = 2027-01-15T00:00:00Z\n'


def test_the_whole_file_has_nothing_wrong() -> None:
    file, found = check.checked(WHOLE)
    assert file is not None
    assert found == []


@pytest.mark.parametrize(
    ("old", "new", "path", "zh", "en"),
    [
        ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Nanjing"', "site.timezone", "没有时区", "no time zone"),
        ('timezone = "Asia/Shanghai"', 'timezon = "UTC"', "site.timezon", "最接近的是 timezone", "mean timezone?"),
        ('id = "gate"', 'id = "Gate"', "site.id", "应为 1 到 64 个 a-z", "expected 1 to 64 of a-z"),
        ('id = "gate"\n', "\n", "site.id", "缺少", "is missing"),
        ("jib_m = 50.0", "jib_m = 49.0", "models.small.charts[0].points[3]", "超出起重臂", "beyond the jib of 49 m"),
        ("jib_m = 50.0", "jib_m = nan", "models.small.jib_m", "应为 数", "expected a number > 0"),
        ("[40.0, 1.7]", "[40.0, 3.7]", "models.small.charts[0].points[2]", "随幅度增大", "rises with the radius"),
        ("[25.0, 3.0]", "[2.0, 3.0]", "models.small.charts[0].points[1]", "幅度没有增大", "radii must rise"),
        ("[25.0, 3.0]", "[25.0]", "models.small.charts[0].points[1]", "应为 [数", "expected [a number"),
        ("max_moment_tm = 80.0", "max_moment_tm = 8.0", "models.small.charts[0].points[1]", "远超", "far beyond"),
        ('model = "small"', 'model = "smal"', "cranes[0].model", "最接近的是 small", "did you mean small?"),
        ("falls = 2\npos", "falls = 4\npos", "cranes[0].falls", "没有 4 倍率的曲线", "has curves for [2]"),
        ("[200.0, 0.0]", "[1.0, 0.0]", "cranes[1].position_m", "在同一位置", "stands where crane-1 stands"),
        ('id = "crane-2"', 'id = "crane-1"', "cranes[1].id", "与 crane-1 相同", "is that of crane-1"),
        ('"P-2"', '"P-1"', "cranes[1].property_no", "产权备案编号 P-1 与 crane-1 相同", "is that of crane-1"),
        ("hook_max_m = 38.0", "hook_max_m = 53.0", "cranes[0].hook_max_m", "比塔身", "is above the mast"),
        ("moment = {", "momnet = {", "cranes[0].limits.momnet", "最接近的是 moment", "did you mean moment?"),
        ("{ alarm = 95 }", "{ alrm = 95 }", "cranes[0].limits.moment.alrm", "没有 alrm", "no step alrm"),
        ("{ alarm = 95 }", "{ alarm = 9500 }", "cranes[0].limits.moment.alarm", "不合理", "cannot be meant"),
        ("{ alarm = 95 }", "{ alarm = 85 }", "cranes[0].limits.moment.alarm", "低于 prewarning", "is below prewarning"),
        ("load_t = {", "loud_t = {", "cranes[0].commissioning.envelope.loud_t", "最接近的是", "mean load_t"),
        ("[-0.1, 0.1]", "[0.1, -0.1]", "cranes[0].commissioning.envelope.load_t.empty", "高于上限", "above its high"),
        ("on = 2027-01-15", 'on = "soon"', "cranes[0].commissioning.on", "应为 日期", "expected a date"),
        ('unit = "t"', 'unit = "kg"', "cranes[0].sensors[0].unit", "单位是 t", "the unit of load_t is t"),
        ("[0.0, 8.0]", "[600.0, 800.0]", "cranes[0].sensors[0].range", "不相交", "lies outside"),
        ("due_on = 2027-01-15", "due_on = 2025-01-15", "cranes[0].sensors[0].due_on", "不晚于", "is not after"),
        ('["post-2"]', '["post-3"]', "bays[0].posts[0].neighbours[0]", "没有另一根立杆 post-3", "no other post post-3"),
        ('id = "post-2"', 'id = "crane-1"', "bays[0].posts[1].id", "已用于", "a device called crane-1 already"),
        ('id = "A"', 'id = "A"\ncount = 3', "bays[0]", "二者取一", "say either count"),
        ("[10, 10]]", "[10, 0.01]]", "zones[0].corners", "面积只有", "its area is only"),
        ('contact = "wang"\nname', 'contact = "li"\nname', "roster[0].contact", "没有联系人 wang", "no contact 'wang'"),
        ('after_s = 0\ncontact = "wang"', 'after_s = 0\ncontact = "li"', "notify.alarm.steps[0].contact", "没", "'li'"),
        ('after_s = 0\ncontact = "wang"', "after_s = 0", "notify.alarm.steps[0]", "", "exactly one of duty"),
        ("07:00:00+08:00\nend", "07:00:00\nend", "roster[0]", "", "have an offset"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_its_key_and_both_languages(old: str, new: str, path: str, zh: str, en: str) -> None:
    assert old in WHOLE
    text = WHOLE.replace(old, new, 1)
    file, found = check.checked(text)
    assert file is None
    one = next(one for one in errors(found) if one.path == path)
    assert zh in one.zh
    assert en in one.en
    where = text.splitlines()[one.line - 1]
    # The line has the key, or is the head of the table that it is missing in, or holds the element.
    leaf = path.rpartition(".")[2].partition("[")[0]
    assert leaf in where or where.startswith(("[", "  {")) or where.lstrip().startswith(new.split("\n")[0][:8]), where


def test_all_of_it_is_said_at_once_in_the_order_of_lines() -> None:
    text = (
        WHOLE.replace("jib_m", "gib_m")
        .replace('id = "crane-2"', 'id = "Crane 2"')
        .replace("after_s = 0", "after_s = -1")
    )
    file, found = check.checked(text)
    assert file is None
    said = [(one.line, one.path) for one in errors(found)]
    assert [path for _, path in said] == [
        "models.small.jib_m", "models.small.gib_m", "cranes[1].id", "notify.alarm.steps[0].after_s",
    ]  # fmt: skip
    assert [line for line, _ in said] == sorted(line for line, _ in said)
    assert said[2][0] == text.splitlines().index('id = "Crane 2"') + 1


def test_what_is_no_toml_has_the_line_that_the_reader_stopped_at() -> None:
    _, found = check.checked(WHOLE.replace("falls = 2\n", "falls = \n", 1))
    (one,) = found
    assert "不是 TOML" in one.zh
    assert one.line == WHOLE.splitlines().index("falls = 2") + 1


def test_keys_of_before_say_where_they_went() -> None:
    _, found = check.checked(WHOLE.replace("jib_m = 50.0", "jib_m = 50.0\nmast = { free_m = 14.0 }").replace(
        'id = "gate"', 'id = "gate"\nversion = 1'))  # fmt: skip
    said = {one.path: one.en for one in errors(found)}
    assert "`simulation`" in said["models.small.mast"]
    assert "take it out" in said["site.version"]


def test_warnings_do_not_stop_an_import_and_list_the_cranes_that_overlap() -> None:
    near = WHOLE.replace("[200.0, 0.0]", "[90.0, 0.0]").replace('role = "safety_officer"\nchannels', "channels")
    file, found = check.checked(near + '[[notify.alarm.steps]]\nafter_s = 9\nrole = "admin"\n', today=date(2027, 2, 1))
    assert file is not None
    said = {one.path: one for one in warnings(found)}
    assert "crane-1 与 crane-2 作业范围重叠" in said["cranes[1].position_m"].zh
    assert "calibration was due on 2027-01-15" in said["cranes[0].sensors[0].due_on"].en
    assert "this step tells nobody" in said["notify.alarm.steps[1].role"].en
    assert errors(found) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (WHOLE.replace("[models.small]", '[models."a\\u0000b"]'), "models.a\x00b"),
        (WHOLE.replace("falls = 2\npos", f"falls = {'9' * 5000}\npos"), "file"),
        (WHOLE.replace("falls = 2\npos", f"falls = 0x{'f' * 5000}\npos"), "cranes[0].falls"),
        (WHOLE.replace("2027-01-15T07:00:00+08:00", "0001-01-01T07:00:00+08:00"), "roster[0]"),
        ("[" * 2000, "file"),
        ("site = 1", "site"),
        ("cranes = 1", "cranes"),
        ("[[site]]", "site"),
        (
            WHOLE + '[[pours]]\npermit = "P"\nbay = "A"\nbegin = 0001-01-01T00:00:00Z\nend = 2027-01-15T00:00:00Z\n',
            "site",
        ),
    ],
)
def test_whatever_stands_there_is_said_and_never_breaks_the_reader(text: str, path: str) -> None:
    file, found = check.checked(text)
    assert file is None
    assert path in [one.path for one in errors(found)]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_text_with_something_cut_out_or_put_in_is_read_or_refused(data: "st.DataObject") -> None:
    begin = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(begin, min(len(WHOLE), begin + 30)))
    text = WHOLE[:begin] + data.draw(st.text("[]{}=.,\"'\n #0a", max_size=6)) + WHOLE[end:]
    file, found = check.checked(text)
    assert (file is None) == bool(errors(found))
    assert all(1 <= one.line <= text.count("\n") + 1 for one in found)


def test_what_an_address_says_is_never_shown() -> None:
    asked: list[str] = []

    def readable(address: Address) -> bool:
        asked.append(address.reveal())
        return False

    _, found = check.checked(WHOLE, readable=readable)
    assert asked == ["json://127.0.0.1/token-of-wang"]
    assert [one.path for one in errors(found)] == ["contacts[0].channels[0].url"]
    for broken in ('"nonsense-token"', '["token-of-wang"]', "17"):
        _, more = check.checked(WHOLE.replace('"json://127.0.0.1/token-of-wang"', broken))
        found += more
    assert len(errors(found)) == 4
    assert "token" not in " ".join(one.text("x") for one in found)
    assert "17" not in found[-1].en


def test_a_text_that_is_too_large_is_refused_before_it_is_read() -> None:
    _, (one,) = check.checked("#" * 1_000_001)
    assert "more than 1000000 characters" in one.en
