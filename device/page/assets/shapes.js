// Counting lines and zones: drawn on the picture, listed in the settings, and what they count.

import { $, clean, el, name as shown } from "./dom.js";
import { ShapeEditor } from "./shape-editor.js";
import { toast } from "./toast.js";

const KINDS = { line: "count_lines", zone: "zones" };
const CHANGE = { line: "Turn around", zone: "Remove corner" };
let editor = null;
let change = null; // sends settings to the loop; returns whether it took them
let shapes = { line: [], zone: [] };
let edited = null; // kind and place of what is being drawn

/** Return points and name of "x,y,x,y,name". */
function parse(text) {
  const parts = String(text).split(",");
  const title = Number.isNaN(Number(parts.at(-1))) ? parts.pop() : "";
  const points = [];
  for (let at = 0; at + 1 < parts.length; at += 2) points.push([Number(parts[at]), Number(parts[at + 1])]);
  return { points, title };
}

const format = ({ points, title }) => [...points.flat(), ...(title ? [title] : [])].join(",");

/** Show the lines and zones of the run; `task`: of the model. */
export function showShapes(settings, task) {
  if (task) $("shapes").hidden = !["detection", "points"].includes(task);
  const given = { line: settings.count_lines.map(parse), zone: settings.zones.map(parse) };
  if (JSON.stringify(given) === JSON.stringify(shapes)) return; // a button that has the focus stays
  shapes = given;
  $("shape-list").replaceChildren(...["line", "zone"].flatMap((kind) => shapes[kind].map((shape, place) => row(kind, shape, place))));
}

function row(kind, { points, title }, place) {
  const button = (text, act, properties = {}) => {
    const made = el("button", { type: "button", ...properties, attributes: { "aria-label": `${text} ${kind} ${clean(title)}` } }, text);
    made.addEventListener("click", act);
    return made;
  };
  const text = el("span", {}, shown(title), el("span", { className: "hint" }, kind === "line" ? " · line" : ` · zone, ${points.length} corners`));
  const tools = el("span", { className: "row" }, button("Edit", () => open(kind, place)), button("Remove", () => remove(kind, place), { className: "danger" }));
  return el("li", {}, text, tools);
}

/** Send the lines or the zones with one replaced, added or removed. */
async function send(kind, place, ...instead) {
  const all = shapes[kind].map(format);
  all.splice(place, 1, ...instead);
  return change({ [KINDS[kind]]: all });
}

async function remove(kind, place) {
  const { title } = shapes[kind][place];
  if (await send(kind, place)) toast(`${clean(title)} is removed. Save to keep that.`);
}

function drawing(on) {
  $("picture-actions").hidden = on;
  $("shape-active").hidden = !on;
  for (const id of ["line-draw", "zone-draw", "region-draw"]) $(id).disabled = on;
}

function open(kind, place = shapes[kind].length) {
  if (edited || $("region-draw").disabled) return;
  edited = { kind, place };
  const shape = shapes[kind][place];
  $("shape-name").value = shape?.title ?? "";
  $("shape-change").textContent = CHANGE[kind];
  $("shape-apply").textContent = `Use this ${kind}`;
  drawing(true);
  editor.open(kind, shape?.points);
}

async function finish(apply) {
  const { kind, place } = edited;
  if (apply) {
    const made = format({ points: editor.value(), title: $("shape-name").value.trim() });
    if (!(await send(kind, place, made))) return;
    toast(`The ${kind} counts from now on. Save it to keep it.`);
  }
  edited = null;
  editor.close();
  drawing(false);
  $(`${kind}-draw`).focus();
}

/** Show what was counted; `now`: the status of the run. */
export function showCounts(now) {
  const lines = Object.entries(now.counts ?? {}).map(([title, one]) => [title, `${one.forward} forward, ${one.backward} backward`]);
  const zones = Object.entries(now.zones ?? {}).map(([title, count]) => [title, `${count} inside`]);
  const rows = [...lines, ...zones];
  $("counts-card").hidden = !rows.length;
  $("counts").replaceChildren(...rows.flatMap(([title, text]) => [el("dt", {}, shown(title)), el("dd", {}, text)]));
}

/** `send`: sends settings to the loop and returns whether it took them. */
export function startShapes(send) {
  change = send;
  editor = new ShapeEditor();
  $("line-draw").addEventListener("click", () => open("line"));
  $("zone-draw").addEventListener("click", () => open("zone"));
  $("shape-change").addEventListener("click", () => editor.change());
  $("shape-apply").addEventListener("click", () => finish(true));
  $("shape-cancel").addEventListener("click", () => finish(false));
}
