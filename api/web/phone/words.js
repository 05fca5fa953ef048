/** What the phone's page says, in both languages; the person chooses which. */

const w = (zh, en) => ({ zh, en });

export const WORDS = {
  mine: w("我的报警", "My alarms"),
  none: w("没有需要处理的报警", "No alarm waits for anybody"),
  live: w("实时", "live"),
  away: (s) => w(`连接中断 ${s} 秒`, `no link for ${s} s`),
  notMonitored: w("监测中断 NOT MONITORED", "NOT MONITORED 监测中断"),
  silentBroker: w("与消息服务器的连接中断", "no connection to the broker"),
  silentAnalyzer: w("分析服务无心跳", "no heartbeat of the analyzer"),
  differs: w("报警状态不一致", "alarms out of step with the analyzer"),
  starting: w("正在连接", "connecting"),
  since: (t) => w(`持续 ${t}`, `for ${t}`),
  over: (t) => w(`已恢复 ${t}`, `over for ${t}`),
  overLimit: (limit, t) => w(`已低于 ${limit} ${t}`, `below ${limit} for ${t}`),
  lastKnown: w("最后已知", "last known"),
  gone: w("此报警已结束", "This alarm is over"),
  hold: w("停用待检 由有资格人员解除", "Stopped for inspection: a competent person releases it"),
  was: (value, limit) => w(`报警时 ${value}，限值 ${limit}`, `at the alarm ${value}, limit ${limit}`),
  trace: (name) => w(`${name.zh} 前 60 秒至今`, `${name.en}, 60 s before until now`),
  noHistory: w("历史记录暂不可用", "history is not available now"),
  age: (t) => w(`数据 ${t}前`, `data ${t} ago`),
  noData: w("设备无数据", "no data from the device"),
  load: w("吊重", "load"),
  rated: w("额定", "rated"),
  radius: w("幅度", "radius"),
  hook: w("吊钩高度", "hook"),
  wind: w("风速", "wind"),
  operator: w("司机", "operator"),
  mode: w("工况", "mode"),
  told: w("还通知了谁", "Who else was told"),
  nobody: w("还没有回执", "no receipt yet"),
  rendered: (t, s) => w(`终端 ${t} 已显示${s == null ? "" : ` ${s} 秒`}`, `terminal ${t} has shown it${s == null ? "" : ` after ${s} s`}`),
  delivered: (t) => w(`终端 ${t} 已收到`, `terminal ${t} has it`),
  noticed: (n) => w(`${n.name}（${n.channel}）${{ sent: "已发送", waiting: "待发", dead: "发送失败", withdrawn: "已撤回" }[n.state]}`, `${n.name} (${n.channel}) ${{ sent: "sent", waiting: "waiting", dead: "failed", withdrawn: "withdrawn" }[n.state]}`),
  answered: (a) => w(`${a.who || "?"} 已确认`, `${a.who || "?"} has it`),
  test: w("测试：已看到", "test: seen"),
  called: w("已联系司机", "called"),
  stopped: w("已停止作业", "stopped"),
  sensor: w("疑似传感器", "sensor?"),
  call: (n) => w(`呼叫 ${n}`, `Call ${n}`),
  sending: w("正在发送…", "sending…"),
  accepted: w("已发出，等待分析服务确认", "sent, the analyzer has not confirmed it yet"),
  acknowledged: w("已确认", "acknowledged"),
  needless: w("无需确认", "nothing to acknowledge"),
  failed: w("没有发出，请再按一次", "not sent, press again"),
  forbidden: w("您没有确认权限", "you may not acknowledge this"),
  signIn: w("请重新登录", "sign in again"),
};

export const MODES = {
  working: w("工作", "working"), parked: w("非工作", "parked"), storm: w("防风", "storm"), climbing: w("顶升", "climbing"),
  erecting: w("安装", "erecting"), dismantling: w("拆卸", "dismantling"), testing: w("试验", "testing"), stopped: w("停用", "stopped"),
};

/** A span of ms in words. */
export function span(ms) {
  const s = Math.max(0, ms / 1000);
  if (s < 10) return w(`${s.toFixed(1)} 秒`, `${s.toFixed(1)} s`);
  if (s < 90) return w(`${Math.round(s)} 秒`, `${Math.round(s)} s`);
  if (s < 5400) return w(`${Math.round(s / 60)} 分钟`, `${Math.round(s / 60)} min`);
  return w(`${Math.round(s / 3600)} 小时`, `${Math.round(s / 3600)} h`);
}
