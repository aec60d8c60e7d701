// Threshold, smoothing, region, lines and zones: tried on the running loop, saved on request.

import { patch, post } from "./api.js";
import { $, percent } from "./dom.js";
import { RegionEditor } from "./region.js";
import { showShapes, startShapes } from "./shapes.js";
import { toast } from "./toast.js";

const DELAY_MS = 250;
let settings = {};
let timer = 0;
let editor = null;
let before = null;
let modelThreshold = null;
const SLIDERS = { threshold: percent, smooth: (value) => (value > 1 ? `${value} frames` : "off") };

/** Show the settings of the run; a slider that is being moved stays where it is. */
export function showSettings(given, model) {
  settings = given;
  modelThreshold = model?.threshold ?? modelThreshold;
  $("smooth").max = Math.max(30, given.smooth ?? 1);
  for (const id of Object.keys(SLIDERS)) slider(id);
  showShapes(given, model?.task);
  const roi = given.roi;
  $("region-text").textContent = roi
    ? `The model sees a part of the image: ${percent(roi[2])} of the width, ${percent(roi[3])} of the height.`
    : "The model sees the whole image.";
  $("region-clear").disabled = !roi;
  $("pause").setAttribute("aria-pressed", String(Boolean(given.paused)));
  $("pause").textContent = given.paused ? "Resume" : "Pause";
}

function slider(id) {
  const input = $(id);
  if (!timer && document.activeElement !== input) input.value = settings[id] ?? (id === "smooth" ? 1 : modelThreshold ?? 0);
  const text = SLIDERS[id](Number(input.value));
  $(`${id}-value`).textContent = text;
  input.setAttribute("aria-valuetext", text);
}

/** Say whether the settings can be saved; `file`: the configuration file, null if the run has none. */
export function showSaving(file) {
  $("save").hidden = !file;
  $("save-hint").hidden = Boolean(file);
}

async function change(values) {
  $("settings-error").textContent = "";
  try {
    const answer = await patch("/api/settings", values);
    showSettings(answer);
    return true;
  } catch (problem) {
    $("settings-error").textContent = problem.message;
    toast(problem.message, { bad: true });
    return false;
  }
}

/** Apply a slider's value once it rests for a moment. */
function later(id) {
  $(id).addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => { timer = 0; change({ [id]: Number($(id).value) }); }, DELAY_MS);
    slider(id);
  });
}

function drawing(on) {
  $("picture-actions").hidden = on;
  $("region-active").hidden = !on;
  for (const id of ["region-draw", "line-draw", "zone-draw"]) $(id).disabled = on;
}

/** Show the whole image first: a region in force crops what the page sees. */
async function draw() {
  before = settings.roi ?? null;
  if (before && !(await change({ roi: null }))) return;
  drawing(true);
  editor.open(before);
}

async function finish(apply) {
  const roi = apply ? editor.value() : before;
  if (roi || before) {
    if (!(await change({ roi }))) return;
  }
  editor.close();
  drawing(false);
  $("region-draw").focus();
  if (apply) toast("The region is in use. Save it to keep it.");
}

async function save() {
  $("save").disabled = true;
  $("settings-error").textContent = "";
  try {
    const answer = await post("/api/settings/save");
    toast(`Saved to ${answer.path}`);
  } catch (problem) {
    $("settings-error").textContent = problem.message;
  }
  $("save").disabled = false;
}

export function startSettings() {
  editor = new RegionEditor();
  startShapes(change);
  Object.keys(SLIDERS).forEach(later);
  $("pause").addEventListener("click", () => change({ paused: !settings.paused }));
  $("region-draw").addEventListener("click", draw);
  $("region-apply").addEventListener("click", () => finish(true));
  $("region-cancel").addEventListener("click", () => finish(false));
  $("region-clear").addEventListener("click", () => change({ roi: null }));
  $("settings-form").addEventListener("submit", (event) => { event.preventDefault(); save(); });
}
