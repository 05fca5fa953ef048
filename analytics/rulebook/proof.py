"""The rules of a proof test: the test, a test that may not be, and what its failing or lacking is at the desk."""

from typing import Final

from analytics.rulebook.entry import Entry, Needs, Say
from telemetry.model import PROOF_REFUSED, PROOF_TEST, Severity
from telemetry.wire.payloads import Words

PROOF_FAILED: Final = "proof_failed"
PROOF_OVERDUE: Final = "proof_overdue"

# Derived from a device's own readings, and in no limit profile: a test is no limit.
TESTS: Final[dict[str, Entry]] = {
    PROOF_TEST: Entry(
        zh="报警链路测试",
        en="TEST",
        meaning=Words(
            zh="空钩时设备测试通道达到 100 % 持续 0.5 秒：测试 不是报警 不计入任何指标",
            en="The device's test channel is at 100 % for 0.5 s with an empty hook: a test and no alarm, counted in no"
            " figure.",
        ),
        needs=Needs(every=("proof_pct", "load_t")),
        says={
            Severity.ADVISORY: Say(
                "测试 报警链路测试 不是真实报警",
                "TEST of the way of an alarm, no real alarm",
                "司机点按看到并听到 值班人员确认",
                "operator: tap that you see and hear it; desk: acknowledge",
            )
        },
    ),
    PROOF_REFUSED: Entry(
        zh="测试未进行",
        en="TEST NOT ALLOWED",
        meaning=Words(
            zh="测试通道有信号 而吊钩有载、吊重未知、吊钩上升或有真实报警：不发声 不测试",
            en="The test channel is driven while there is a load on the hook, the load is unknown, the hook rises or a"
            " real alarm sounds: no sound and no test.",
        ),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "测试未进行{detail}", "TEST NOT ALLOWED{detail}", "空钩静止后再测试", "test with an empty, still hook"
            )
        },
    ),
}

# Observed: what the notifier has judged.
JUDGED: Final[dict[str, Entry]] = {
    PROOF_FAILED: Entry(
        zh="报警链路测试失败",
        en="PROOF TEST FAILED",
        meaning=Words(
            zh="最近一次测试在某一环节未按时到达：真实报警也可能到不了；直至测试通过或有人说明原因后关闭",
            en="The last proof test did not pass a link in time, so a real alarm may not either; until a test passes,"
            " or somebody closes it with a cause.",
        ),
        figure=False,
        says={
            Severity.ALARM: Say(
                "报警链路测试失败{detail}",
                "PROOF TEST FAILED{detail}",
                "修复该环节后重新测试",
                "repair that link, then test again",
            )
        },
    ),
    PROOF_OVERDUE: Entry(
        zh="报警链路测试逾期",
        en="PROOF TEST OVERDUE",
        meaning=Words(
            zh="按计划应做的测试没有做成", en="By the site's schedule a proof test should have been done, and was not."
        ),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "报警链路测试逾期{detail}",
                "PROOF TEST OVERDUE{detail}",
                "空钩时由司机启动测试",
                "have the operator begin one with an empty hook",
            )
        },
    ),
}
