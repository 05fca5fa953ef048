"""Channels: what apprise understands, what a message says, and that no address gets out."""

import logging
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import apprise
import pytest

from api.notify import sending, wording
from api.notify.wording import Old, Text, Told
from telemetry import ladder
from telemetry.ladder import Address, Channel, Urgency
from telemetry.model import Severity
from telemetry.wire.payloads import Words
from tests.helpers.sink import Sink

# The forms that docs/operations.md shows, each understood by the plugin of that name.
SHOWN = {
    "wecombot://693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa": "WeCom Bot",
    "dingtalk://SEC0secret0@0123456789abcdef0123456789abcdef": "DingTalk",
    "feishu://0123456789abcdef": "Feishu",
    "lark://0123456789abcdef": "Lark (Feishu)",
    "mailto://user:password@mail.example.com:2525?to=wang@example.com": "E-Mail",
    "mailtos://user:password@mail.example.com?to=wang@example.com": "E-Mail",
    "clicksend://user:key0123456789@8613800000000": "ClickSend",
    "json://gateway.example.com/sms?+X-Token=abc": "JSON",
    "jsons://gateway.example.com/sms?:to=8613800000000": "JSON",
    "form://gateway.example.com/sms?:to=8613800000000": "Form",
}


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    sending.prepare()


@pytest.mark.parametrize("url", sorted(SHOWN))
def test_the_forms_that_the_docs_show_are_understood(url: str) -> None:
    found = apprise.Apprise.instantiate(url)
    assert isinstance(found, apprise.NotifyBase)
    assert str(found.service_name) == SHOWN[url]
    assert sending.known(Address(url))


def test_every_address_in_the_docs_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.split("## Telling people", 1)[1].split("| ladder |", 1)[0]
    urls = re.findall(r"`([a-z]+://[^`]+)`", table)
    assert len(urls) >= 9
    assert [url for url in urls if not sending.known(Address(url))] == []


@pytest.mark.parametrize("url", ["sms://13800000000", "wecom://x", "http//no-schema", "json://"])
def test_what_apprise_does_not_understand_can_never_be_sent(url: str) -> None:
    assert not sending.known(Address(url))
    channel = Channel(name="a", means=ladder.Means.PUSH, url=Address(url))
    with pytest.raises(sending.Unsendable):
        sending.send(channel, Text("t", "b"))


def test_a_channel_that_refuses_says_why_and_not_where(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Sink() as sink:
        channel = Channel(name="a", means=ladder.Means.HOOK, url=Address(sink.url("secret-token-0123")))
        assert sending.send(channel, Text("标题", "正文")) is None
        assert sink.messages[0][1]["title"] == "标题"
        sink.refuse = 1
        why = sending.send(channel, Text("t", "b"))
    assert why is not None
    assert "500" in why
    gone = sending.send(channel, Text("t", "b"))  # nobody listens there any more
    assert gone is not None
    for said in (why, gone, caplog.text):
        assert "secret-token" not in said


def test_a_complaint_is_washed_of_every_part_of_the_address() -> None:
    address = Address("jsons://user:pass-word@host.example.com/bot/TOKEN123?key=ABCDEFGH")
    text = sending.washed("POST https://host.example.com/bot/TOKEN123?key=ABCDEFGH pass-word", address)
    for part in ("TOKEN123", "ABCDEFGH", "pass-word", "host.example"):
        assert part not in text


# Words

ZONE = ZoneInfo("Asia/Shanghai")


def told(**more: object) -> Told:
    usual: dict[str, object] = {
        "site": "东门工地", "zone": ZONE, "device": "3#塔机", "severity": Severity.ALARM,
        "urgency": Urgency.LIFE_SAFETY, "what": Words(zh="超载 104 % 限值 100 %", en="OVERLOAD 104 %, limit 100 %"),
        "action": Words(zh="停止起升 下降或收幅", en="stop hoisting, lower or trolley in"),
        "since": datetime(2027, 1, 15, 8, 0, 5, tzinfo=UTC), "active": True, "operator": "op-7",
        "link": "https://x.example/m/gate/crane-3/moment",
    }  # fmt: skip
    return Told(**usual | more)  # type: ignore[arg-type]  # a test's own words


def test_an_alarm_is_what_number_limit_and_one_thing_to_do() -> None:
    text = wording.alarm(told(), "zh")
    assert text.title == "【生命安全 报警】3#塔机 超载 104 % 限值 100 %"
    assert text.body.splitlines() == [
        "停止起升 下降或收幅", "东门工地 司机 op-7", "01-15 16:00:05 起", "https://x.example/m/gate/crane-3/moment",
    ]  # fmt: skip
    english = wording.alarm(told(active=False, unseen=True, nobody=True, level=2, link=None), "en")
    assert english.body.splitlines() == [
        "stop hoisting, lower or trolley in",
        "东门工地, driver op-7",
        "since 01-15 16:00:05; over by now, nobody has acknowledged it",
        "no terminal has shown it",
        "nobody on duty, or nobody to reach, at the step before",
        "step 2: nobody has acknowledged it yet",
    ]
    both = wording.alarm(told(), "both")
    assert both.body.count("https://") == 1
    assert "停止起升" in both.body
    assert "stop hoisting" in both.body


def test_a_text_message_is_the_title_and_the_link() -> None:
    assert wording.short(wording.alarm(told(), "zh")).body == "https://x.example/m/gate/crane-3/moment"
    assert wording.short(wording.alarm(told(link=None), "zh")).body == "停止起升 下降或收幅"


def test_nothing_that_is_sent_says_safe_or_protected() -> None:
    texts = [
        wording.alarm(told(unseen=True, nobody=True, level=3, active=False), "both"),
        wording.monitoring(told(), "both", back=False),
        wording.monitoring(told(), "both", back=True),
        wording.test("东门工地", "王工", datetime(2027, 1, 15, tzinfo=UTC), ZONE, "both"),
        wording.summary(Old("东门工地", ZONE, [told()] * 12, 3), "both"),
    ]
    for text in texts:
        said = f"{text.title}\n{text.body}".lower().replace("生命安全", "").replace("life safety", "")
        assert not any(word in said for word in ("安全", "保护", "safe", "protect"))
    assert texts[3].title.startswith("【测试】")
    assert "另有 2 条" in texts[4].body


def test_several_messages_become_one_that_says_how_many_and_which() -> None:
    one = Text("一", "甲\nhttps://a")
    assert wording.gathered([one], "zh") is one
    many = wording.gathered([one] * 12, "both")
    assert many.title == "12 条通知 12 messages"
    assert many.body.splitlines()[-1] == "另有 2 条 and 2 more"
    assert wording.gathered([one] * 2, "en").title == "2 messages"
