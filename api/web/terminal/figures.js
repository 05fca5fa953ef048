/** The right half of the page: rows of one figure or two, each with its names, its unit and what it is worth. */

import { $, element, fit, fixed, fresh, html, mark, put } from "./page.js";
import * as words from "./words.js";

const row = (zh, en, value, unit, small) => ({ zh, en, value, unit, small });

const eta = (range) => {
  if (!range) return ["到限约", "TO LIMIT", "—"];
  const minutes = range[0] >= 120;
  const show = (s) => (minutes ? Math.round(s / 60) : Math.round(s));
  return [minutes ? "到限约 分" : "到限约 秒", minutes ? "LIMIT IN min" : "LIMIT IN s", `${show(range[0])}–${show(range[1])}`];
};

function rows(model, config, landing) {
  if (model.bay) return bayRows(model.worst);
  const v = model.value;
  if (model.kind === "formwork") {
    const x = v("shift_x_mm"), y = v("shift_y_mm"), tx = v("tilt_x_deg"), ty = v("tilt_y_deg");
    const design = config?.design_force_kn, force = v("force_kn");
    return [
      [row("立杆轴力", "AXIAL FORCE", fixed(force, 1), design && force != null ? `kN  ${Math.round((force / design) * 100)} %` : "kN")],
      [row("沉降", "SETTLEMENT", fixed(v("settle_mm"), 1), "mm")],
      [row("水平位移", "SHIFT", fixed(x == null || y == null ? null : Math.hypot(x, y), 1), "mm")],
      [row("倾角", "TILT", fixed(tx == null || ty == null ? null : Math.hypot(tx, ty), 2), "°", true)],
      [row(...eta(model.eta), "", true)],
    ];
  }
  const wind = model.wind;
  const stale = v("wind_mps") == null;
  const arrow = stale ? "" : { 1: "↗", 0: "", "-1": "↘" }[wind.trend];
  const minutes = wind.minutes >= 9.5 ? 10 : Math.max(1, Math.round(wind.minutes));
  const { out, inward } = model.use;
  const hook = v("hook_m");
  const above = landing == null || hook == null ? "" : `${words.ABOVE.zh} ${hook - landing >= 0 ? "+" : ""}${fixed(hook - landing, 1)}`;
  return [
    [row("幅度", "RADIUS", fixed(v("radius_m"), 1), "m")],
    [inward ? row("须收幅至", "COME IN TO", fixed(out, 1), "m") : row("可外变幅至", "OUT TO", fixed(out, 1), outUnit(model))],
    [row("吊钩高度", "HOOK", fixed(hook, 1), `m  ${above}`, true)],
    [
      row("风速", "WIND m/s", fixed(v("wind_mps"), 1), arrow),
      row("阵风", "GUST 3 s", fixed(stale ? null : wind.gust, 1), ""),
    ],
    [
      row(`${minutes} 分钟平均`, `MEAN ${minutes} min`, fixed(stale ? null : wind.mean, 1), ""),
      row(...eta(model.eta), ""),
    ],
  ];
}

/** The largest of each figure in a bay, and which post has it. */
function bayRows(worst) {
  const one = (zh, en, found, digits, unit) => [row(zh, en, fixed(found?.value ?? null, digits), `${unit}  ${found?.post || ""}`)];
  return [
    one("最大轴力", "FORCE", worst.force, 0, "%"),
    one("最大沉降", "SETTLED", worst.settle, 1, "mm"),
    one("最大位移", "SHIFT", worst.shift, 1, "mm"),
    one("最大倾角", "TILT", worst.tilt, 2, "°"),
  ];
}

/** Why there is no "out to" when there is none and there could be one. */
function outUnit(model) {
  if (model.use.out != null) return "m";
  if (model.stale) return "";
  return model.use.disagree ? "表与设备不符 chart and box differ" : model.use.charted ? "" : "无载荷表 no chart";
}

/** Draw the rows; `landing` is the hook's height in m at the floor that the operator has chosen, or null. */
export function drawRows(model, config, landing) {
  const list = rows(model, config, landing);
  mark("c", "kind", model.kind || "");
  const key = JSON.stringify(list.map((pair) => pair.map((one) => [one.zh, one.en, one.small])));
  html("right", key, () =>
    list.map((pair, n) => {
      const made = element("div", `row${pair.length > 1 ? " two" : ""}${pair.some((one) => one.small) ? " small" : ""}`);
      pair.forEach((one, k) => {
        const value = element("span");
        const unit = element("small");
        value.id = `v${n}-${k}`;
        unit.id = `u${n}-${k}`;
        fresh(value.id);
        fresh(unit.id);
        made.append(element("label", "", element("span", "", one.zh), element("span", "", one.en)), element("output", "", value, unit));
      });
      return made;
    }),
  );
  list.forEach((pair, n) => pair.forEach((one, k) => (put(`v${n}-${k}`, one.value), put(`u${n}-${k}`, one.unit || ""))));
}

/** The left half: how much of the rated load hangs, or the three words of a bay. */
export function drawUse(model) {
  const { use } = model;
  const bay = model.kind === "formwork";
  $("crane-use").hidden = bay;
  $("bay-use").hidden = !bay;
  if (bay) {
    const word = model.pour === "slow" ? words.slow(model.slow) : words.POUR[model.pour];
    mark("bay-use", "pour", model.pour);
    const [first, ...rest] = word.zh.split(" ");
    const room = `${model.pour}|${$("left").clientWidth}`;
    fit("pour-zh", first, 19, 9, room);
    fit("pour-do", rest.join(" "), 19, 9, room);
    fit("pour-en", word.en, 9.8, 5, room);
    return;
  }
  put("percent-value", use.percent == null ? "—" : String(Math.max(0, Math.round(use.percent))));
  const percent = Math.min(120, Math.max(0, use.percent ?? 0));
  $("fill").style.width = `${(percent / 120) * 100}%`;
  mark("fill", "grade", percent >= 100 ? "alarm" : percent >= 90 ? "prewarning" : "");
  const tonnes = (value) => fixed(value, value != null && value >= 9.995 ? 1 : 2);
  put("load", tonnes(model.value("load_t")));
  put("rated", tonnes(use.rated));
  put("rated-zh", { box: "额定（设备）", chart: "该幅度额定" }[use.source] || "额定");
  put("rated-en", { box: "RATED t (box)", chart: "RATED t" }[use.source] || "RATED t");
  put("falls", fixed(model.value("falls"), 0));
}
