"""The rules of a bay of formwork: what only its posts together show."""

from typing import Final

from analytics.rulebook.entry import Entry, Needs, Say
from telemetry.model import Severity
from telemetry.wire.payloads import Words

_STOP: Final = ("立即停止浇筑 全员撤离", "stop the pour, everybody out")

BAY: Final[dict[str, Entry]] = {
    "differential": Entry(
        zh="差异沉降",
        en="DIFFERENTIAL SETTLEMENT",
        meaning=Words(
            zh="相邻立杆沉降差与 L/1000 之比",
            en="Difference of settlement between neighbouring posts, in % of a thousandth of their distance.",
        ),
        needs=Needs(every=("settle_mm",), config=("bay", "neighbours", "span_m")),
        says={
            Severity.PREWARNING: Say(
                "预警 差异沉降 {value} 限值 {limit}{detail}",
                "DIFFERENTIAL SETTLEMENT {value}, limit {limit}{detail}",
                "放慢浇筑 检查基础与立杆",
                "slow the pour, check base and posts",
            ),
            Severity.ALARM: Say(
                "报警 差异沉降 {value} 限值 {limit}{detail}",
                "DIFFERENTIAL SETTLEMENT {value}, limit {limit}{detail}",
                *_STOP,
            ),
        },
    ),
    "load_transfer": Entry(
        zh="荷载转移",
        en="LOAD GOES TO A NEIGHBOUR",
        meaning=Words(
            zh="一根立杆卸载而相邻立杆增载：立杆失效的先兆",
            en="A post sheds load while the one beside it takes more: a post is failing.",
        ),
        needs=Needs(every=("force_kn",), config=("bay", "neighbours", "design_force_kn")),
        says={
            Severity.ALARM: Say(
                "报警 立杆卸载 {value} 邻杆增载{detail}",
                "POST FAILS: {value} of its load goes to a neighbour{detail}",
                *_STOP,
            ),
        },
    ),
    "pour_order": Entry(
        zh="浇筑次序",
        en="POUR OUT OF ORDER",
        meaning=Words(
            zh="立杆受载次序与浇筑许可不符", en="Posts are loaded in another order than the pour permit says."
        ),
        needs=Needs(every=("force_kn",), config=("bay", "design_force_kn", "pours")),
        says={
            Severity.PREWARNING: Say(
                "预警 浇筑次序不符 跳过 {value} 根立杆{detail}",
                "POUR OUT OF ORDER, {value} posts left out{detail}",
                "按许可次序浇筑",
                "pour in the order of the permit",
            ),
        },
    ),
    "pour_rate": Entry(
        zh="浇筑过快",
        en="POUR TOO FAST",
        meaning=Words(
            zh="全部测点轴力增长速率与浇筑许可之比", en="Force that all posts take in a minute, in % of the permit's."
        ),
        needs=Needs(every=("force_kn",), config=("bay", "design_force_kn", "pours")),
        says={
            Severity.PREWARNING: Say(
                "预警 浇筑过快 为许可的 {value}{detail}",
                "POUR TOO FAST, {value} of the permit{detail}",
                "放慢浇筑",
                "slow the pour",
            ),
        },
    ),
}
