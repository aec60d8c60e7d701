// Rate, temperature, memory and drops with their history; release; latency; outputs; the model.

import { $, clean, el, number, svg } from "./dom.js";

const WIDTH = 120, HEIGHT = 32;
const MAX_CLASSES = 8;
const UNKNOWN = number(null);
const RELEASES = { confirmed: "Confirmed", provisional: "On trial", reverted: "Runs again", stopped: "Stopped" };
const STAGES = { read: "Wait for image", prepare: "Preprocessing", infer: "Inference", decode: "Decoding", write: "Outputs", motion: "Motion check" };

/** Show a status; `history`: list of {time, rate_fps, temperature_c, memory_mb}. */
export function showHealth(status, history) {
  const series = (key) => history.map((point) => point[key]);
  $("tiles").replaceChildren(
    tile("Rate", number(status.rate_fps), "frames/s", { points: series("rate_fps") }),
    tile("Temperature", number(status.temperature_c), "°C", { points: series("temperature_c"), bad: status.temperature_c >= 80 }),
    tile("Memory", number(status.memory_mb?.end), "MB", { points: series("memory_mb") }),
    tile("Frame age, p95", number(status.age_ms?.p95), "ms"),
    tile("Dropped", String(status.dropped ?? "–"), "frames"),
    tile("Errors", String(status.errors ?? "–"), "", { bad: status.errors > 0 }),
    tile("Reconnects", String(status.reconnects ?? "–"), ""),
    throttling(status.throttled),
    ...drift(status.drift),
  );
  const spreads = Object.entries(status.stages_ms ?? {}).filter(([, spread]) => spread?.p50 != null);
  if (status.age_ms?.p50 != null) spreads.push(["Frame age", status.age_ms]);
  $("stages").replaceChildren(...spreads.map(([stage, spread]) => stageRow(STAGES[stage] ?? stage, spread)));
}

function stageRow(stage, spread) {
  const cells = ["p50", "p95", "p99", "max"].map((key) => el("td", {}, number(spread[key])));
  return el("tr", {}, el("th", { scope: "row" }, clean(stage)), ...cells);
}

function throttling(throttled) {
  const words = (throttled ?? []).map((word) => clean(word).replaceAll("_", " ")).join(", ");
  return tile("Throttling", throttled == null ? "Unknown" : words || "None", "", { bad: Boolean(words) });
}

/** Return the tile of what --drift compares; none without it. */
function drift(found) {
  if (found == null) return [];
  const text = { learning: `Learning, ${Math.floor(found.hours)} h`, watching: "None", drifted: "Moved" }[found.state] ?? clean(found.state);
  return [tile("Drift", text, "", { bad: found.state === "drifted" })];
}

function tile(title, value, unit, { points = [], bad = false } = {}) {
  const text = el("div", { className: "number" }, value, " ", el("small", {}, value === UNKNOWN ? "" : unit));
  const made = el("div", { className: bad ? "tile bad" : "tile" }, el("div", { className: "name" }, title), text);
  const plot = sparkline(points, `${title} over the last minutes`);
  if (plot) made.append(plot);
  return made;
}

/** Return a small plot of numbers, with gaps where a value is unknown; null if there is nothing to plot. */
function sparkline(points, title) {
  const known = points.filter((value) => typeof value === "number");
  if (known.length < 2) return null;
  let low = Math.min(...known), high = Math.max(...known);
  const margin = Math.max((high - low) * 0.15, Math.abs(high) * 0.05, 0.5); // a steady value must not look like noise
  low -= margin;
  high += margin;
  let path = "", pen = false;
  points.forEach((value, at) => {
    if (typeof value !== "number") { pen = false; return; }
    const x = (at / (points.length - 1)) * WIDTH, y = HEIGHT - ((value - low) / (high - low)) * HEIGHT;
    path += `${pen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = true;
  });
  const label = `${title}: ${number(Math.min(...known))} to ${number(Math.max(...known))}`;
  const made = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label });
  made.append(svg("path", { d: path, "vector-effect": "non-scaling-stroke" }));
  return made;
}

export function showOutputs(outputs) {
  $("outputs-card").hidden = !outputs?.length;
  $("outputs").replaceChildren(...(outputs ?? []).map((one) => {
    const problem = one.message ? el("div", { className: "error" }, clean(one.message, 200)) : "";
    return el("li", {}, el("div", {}, el("code", {}, clean(one.spec, 200)), problem), el("span", { className: "hint" }, `${one.written} written, ${one.dropped} dropped`));
  }));
}

/** Show the summary of the model card. */
export function showModel(model, source) {
  const rows = [
    ["Name", model.name],
    ["Task", model.task],
    ["Classes", `${model.labels.length}: ${model.labels.slice(0, MAX_CLASSES).map((label) => clean(label, 30)).join(", ")}${model.labels.length > MAX_CLASSES ? ", …" : ""}`],
    ["Self-test", selfTest(model.self_test)],
    ["Camera", source],
    ["SHA-256", model.sha256],
  ];
  showRows("model", rows);
}

/** Show the release of the device; nothing without one. */
export function showRelease(release) {
  $("release-card").hidden = release == null;
  if (release == null) return;
  const since = new Date(release.since ?? NaN);
  const failed = release.failed ? `${clean(release.failed)}: ${clean(release.reason, 200)}` : "";
  showRows("release", [
    ["Name", release.name],
    ["State", RELEASES[release.state] ?? release.state],
    ["Since", Number.isNaN(since.getTime()) ? "" : since.toLocaleString()],
    ["Taken back", failed],
    ["Before", release.previous],
  ]);
}

/** Fill a list of names and values; rows without a value are left out. */
function showRows(id, rows) {
  $(id).replaceChildren(...rows.filter(([, value]) => value).flatMap(([key, value]) => [
    el("dt", {}, key), el("dd", {}, key === "SHA-256" ? el("code", {}, clean(value)) : el("bdi", {}, clean(value, 400))),
  ]));
}

function selfTest(state) {
  if (state?.passed != null) return state.passed ? "Passed" : "Failed";
  return state?.cases ? `${state.cases} cases in the file; edgevision doctor runs them` : "None in the file";
}
