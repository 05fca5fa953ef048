/** What the page says, in both languages. Wording: what, number, limit, one action; no rule names, no codes. */

const w = (zh, en) => ({ zh, en });

export const HAZARDS = {
  load: w("载荷", "LOAD"),
  moment: w("力矩", "MOMENT"),
  wind: w("风", "WIND"),
  tilt: w("倾角", "TILT"),
  limits: w("限位", "LIMITS"),
  zones: w("区域", "ZONES"),
  anti_collision: w("群塔防碰撞", "ANTI-COLLISION"),
  identity: w("身份", "IDENTITY"),
  force: w("轴力", "FORCE"),
  settlement: w("沉降", "SETTLEMENT"),
  shift: w("位移", "SHIFT"),
};

/** The hazards that each kind of device has, in the order in which they are shown. */
export const HAZARDS_OF = {
  crane: ["load", "moment", "wind", "tilt", "limits", "zones", "anti_collision", "identity"],
  formwork: ["force", "settlement", "shift", "tilt"],
};

export const LEVELS = {
  monitored: { mark: "✓", ...w("监测正常", "MONITORED") },
  degraded: { mark: "!", ...w("监测降级", "DEGRADED") },
  blind: { mark: "✗", ...w("监测中断", "BLIND") },
  not_monitored: { mark: "✗", ...w("未监测", "NOT MONITORED") },
  unknown: { mark: "?", ...w("未知", "UNKNOWN") },
};

export const MODES = {
  working: w("工作", "WORKING"),
  parked: w("非工作（停放）", "PARKED"),
  storm: w("防风", "STORM"),
  climbing: w("顶升", "CLIMBING"),
  erecting: w("安装", "ERECTING"),
  dismantling: w("拆卸", "DISMANTLING"),
  testing: w("试验", "TESTING"),
  stopped: w("停用", "STOPPED"),
};

export const LOST = w("监测中断", "NOT MONITORED");
export const STILL = w(
  "限位器仍有效 按规程操作或停机 通知地面",
  "limiter still works, follow site rule, call ground",
);
export const STILL_BAY = w("现场观察 通知地面", "watch by eye, call ground");

/** What has no data, when one hazard is not watched and all others are. */
export const SENSED = {
  load: w("载荷", "LOAD"),
  moment: w("力矩", "MOMENT"),
  wind: w("风速", "WIND"),
  tilt: w("倾角", "TILT"),
  limits: w("限位", "LIMIT SWITCH"),
  force: w("轴力", "FORCE"),
  settlement: w("沉降", "SETTLEMENT"),
  shift: w("位移", "SHIFT"),
};

export const WHY = {
  starting: w("正在连接", "connecting"),
  link: w("网络断开", "network lost"),
  analyzer: w("分析服务无心跳", "analyzer silent"),
  differs: w("报警状态不一致", "alarms out of step"),
  device: w("设备无数据", "no data from the box"),
  refused: w("服务器拒绝连接 检查口令", "broker refused, check user and password"),
  box: w("本机终端程序未运行", "the terminal program on this box is not running"),
  broker: w("连不上服务器", "the broker cannot be reached"),
  untrusted: w("服务器证书不受信任", "the broker's certificate is not trusted"),
  empty: w("此区没有立杆", "no posts in this bay"),
};

/** Close codes of the box's bridge (api/box/bridge.py, Ending). */
const CODES = { 4000: "broker", 4001: "broker", 4002: "untrusted", box: "box" };

/** Why there is no link, by the code with which it ended. */
export const gone = (code) => CODES[code] || "link";

export const NOT_STARTED = w("未开班", "NOT STARTED");
export const HOLD = w("停用待检 未经检查不得起吊", "STOPPED FOR INSPECTION do not lift");
export const TEST = w("测试 不是真实报警", "TEST not a real alarm");
export const TEST_ASKED = w("请做报警链路测试 空钩时点按测试", "PROOF TEST WANTED with an empty hook tap TEST");
export const TEST_WAITS = w("测试 等待开始", "TEST about to begin");
export const TEST_NOT_BEGUN = w("测试未开始 记录服务不可用", "TEST NOT BEGUN the record cannot be reached");
export const TEST_CONFIRMED = w("测试 已确认", "TEST confirmed");
/** How a proof test ended. */
export const testEnded = (outcome) => w(`测试结束 ${outcome?.zh ?? ""}`, `TEST over ${outcome?.en ?? ""}`);
export const LAST_KNOWN = w("最后已知", "LAST KNOWN");

export const POUR = {
  normal: w("正常浇筑", "POUR NORMALLY"),
  idle: w("未浇筑", "NO POUR"),
  unknown: w("监测中断", "NOT MONITORED"),
  slow: w("放慢浇筑 检查立杆", "SLOW THE POUR check the post"),
  stop: w("立即停止浇筑 全员撤离", "STOP POURING everybody out"),
};

/** Of a whole bay: which post to look at. */
export function slow(post) {
  return post ? w(`放慢浇筑 检查${post.replace(/ /g, "")}`, `SLOW THE POUR check ${post}`) : POUR.slow;
}

/** In the cab of the crane that pours into this bay. */
export const ofBay = (bay) => w(`高支模 ${bay}`, `FORMWORK ${bay}`);
export const DOUBT = w("误报？", "FALSE?");
export const SENT = w("已记录", "RECORDED");
export const ABOVE = w("距落点", "ABOVE LANDING");

/** Fallback sentences for an alarm that came without its own words. */
export function sentence(alarm) {
  if (alarm.text && (alarm.text.zh || alarm.text.en)) return alarm.text;
  const name = HAZARDS[alarm.hazard] || w("报警", "ALARM");
  const value = alarm.value == null ? "" : ` ${alarm.value}${alarm.unit ? " " + alarm.unit : ""}`;
  const grade = alarm.severity >= 3 ? w("报警", "ALARM") : w("预警", "WARNING");
  return w(`${name.zh}${grade.zh}${value}`, `${name.en} ${grade.en}${value}`);
}
