// The page: camera or photo -> model -> answer.

import * as camera from "./camera.js";
import { cssColor, draw } from "./drawing.js";
import { Model } from "./model.js";
import { canShare, decode, disturbed, download, grab, pictureFile, pixelsOf } from "./picture.js";
import { register } from "./offline.js";

const PASSED = `edgevision-self-test ${location.pathname}`; // what passed the self-test in this browser
const PAUSE_MS = 200; // while there is nothing to look at
const element = (id) => document.getElementById(id);
const [video, still, overlay] = ["video", "still", "overlay"].map(element);

const state = {
  facts: null,
  model: new Model(),
  mode: "none", // none, camera, frozen, photo
  answer: null, // the last one, of what is on the canvas "still"
  problems: new Map(), // part of the app -> what is wrong with it
};

main().catch((error) => problem("start", error.message));

async function main() {
  await register();
  const { facts, build, milliseconds } = await state.model.open();
  state.facts = facts;
  describe(facts, build, milliseconds);
  await selfTest(false);
  listen();
  element("loading").textContent = "Choose a photo";
  const reason = camera.unavailable();
  if (reason) problem("camera", reason);
  else await startCamera(null);
  loop();
}

function describe(facts, build, milliseconds) {
  document.title = facts.name;
  element("name").textContent = facts.name;
  element("threshold").value = facts.threshold;
  element("threshold-setting").hidden = facts.decoder.mask !== undefined && facts.decoder.mask !== "plane";
  showThreshold();
  element("labels").replaceChildren(...facts.labels.slice(0, 1000).map((label) => new Option(label, label)));
  element("share").hidden = !canShare();
  element("about").textContent =
    `${facts.task}, ${facts.labels.length} classes, ${facts.preprocessing.width}x${facts.preprocessing.height}; ` +
    `model ${facts.model.sha256.slice(0, 12)}, loaded in ${(milliseconds / 1000).toFixed(1)} s ` +
    `(${build.includes("compat") ? "without" : "with"} relaxed SIMD). Images stay on this device.`;
}

/** Run the self-test, unless this version has passed it in this browser; `again`: in any case. */
async function selfTest(again) {
  const version = `${state.facts.version} ${navigator.userAgent}`;
  const reason = disturbed();
  if (!again && !reason && localStorage.getItem(PASSED) === version) return showSelfTest("passed", "self-test passed");
  showSelfTest("running", "self-test running");
  const { cases, failed, worst } = await state.model.selfTest();
  if (failed.length || reason) {
    localStorage.removeItem(PASSED);
    showSelfTest("failed", "self-test failed");
    const what = [...new Set(failed.map((one) => one.reason))].join(", ");
    const differ = `self-test: ${failed.length} of ${cases} images differ: ${what}; do not rely on the answers`;
    return problem("self-test", reason || differ);
  }
  localStorage.setItem(PASSED, version);
  problem("self-test", "");
  const said = `${cases} images: input bytes equal, answers within ${worst.toFixed(3)} (allowed ${state.facts.selftest.tolerance})`;
  return showSelfTest("passed", "self-test passed", said);
}

function showSelfTest(stage, text, title = "") {
  const shown = element("self-test");
  shown.dataset.state = stage;
  shown.textContent = text;
  shown.title = title;
}

async function startCamera(id) {
  try {
    const used = await camera.start(video, id);
    const cameras = await camera.list();
    element("camera").replaceChildren(...cameras.map((one) => new Option(one.name, one.id, false, one.id === used)));
    element("camera").disabled = false;
    problem("camera", "");
    show("camera");
  } catch (error) {
    problem("camera", camera.explain(error));
    if (state.mode === "none") show("none");
  }
}

/** Predict on the newest frame, again and again, for as long as the camera is shown. */
async function loop() {
  for (;;) {
    const ready = state.mode === "camera" && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !document.hidden;
    if (ready) await answerFor(grab(still, video)).catch((error) => problem("image", error.message));
    await new Promise((resolve) => (ready ? requestAnimationFrame(resolve) : setTimeout(resolve, PAUSE_MS)));
  }
}

async function answerFor(frame) {
  const started = performance.now();
  const answer = await state.model.predict(frame, Number(element("threshold").value));
  state.answer = answer;
  draw(overlay, answer, frame.width, frame.height);
  showAnswer(answer, performance.now() - started);
}

function showAnswer(answer, milliseconds) {
  const found = answer.labels ?? answer.objects ?? answer.regions;
  const lines = found.slice(0, 8).map(line);
  const nothing = document.createElement("li");
  nothing.className = "unknown";
  nothing.textContent = answer.labels ? "unknown" : "nothing found";
  element("answer").replaceChildren(...(lines.length ? lines : [nothing]));
  const { prepare, infer, decode: decoded } = answer.milliseconds;
  element("times").textContent =
    `prepare ${prepare.toFixed(1)} ms, model ${infer.toFixed(1)} ms, decode ${decoded.toFixed(1)} ms; ` +
    `${(1000 / milliseconds).toFixed(1)} answers a second`;
  for (const id of ["freeze", "save", "share"]) element(id).disabled = false;
}

function line({ index, name, score, area }) {
  const item = document.createElement("li");
  const swatch = Object.assign(document.createElement("span"), { className: "swatch" });
  swatch.style.background = cssColor(index);
  const what = Object.assign(document.createElement("span"), { className: "what", textContent: name });
  const value = score ?? area;
  const text = score === undefined ? `${(100 * area).toFixed(1)} %` : score.toFixed(2);
  const number = Object.assign(document.createElement("span"), { className: "score", textContent: text });
  item.append(swatch, what, number, Object.assign(document.createElement("meter"), { value, min: 0, max: 1 }));
  return item;
}

/** Show the camera, what was frozen, or a photo. */
function show(mode) {
  state.mode = mode;
  still.hidden = mode === "camera" || mode === "none";
  video.hidden = mode !== "camera";
  element("loading").hidden = mode !== "none";
  element("freeze").textContent = mode === "camera" || mode === "none" ? "Freeze" : "Continue";
}

function listen() {
  element("test-again").disabled = false;
  element("test-again").addEventListener("click", () => selfTest(true).catch((error) => problem("self-test", error.message)));
  element("freeze").addEventListener("click", () => (state.mode === "camera" ? show("frozen") : resume()));
  element("camera").addEventListener("change", (event) => startCamera(event.target.value));
  element("threshold").addEventListener("input", changeThreshold);
  element("file").addEventListener("change", choosePhoto);
  element("save").addEventListener("click", () => keep(download));
  element("share").addEventListener("click", () => keep((file) => navigator.share({ files: [file], title: labelNow() })));
}

async function resume() {
  if (video.srcObject) show("camera");
  else if (!camera.unavailable()) await startCamera(null);
}

function changeThreshold() {
  showThreshold();
  if (!still.hidden) answerFor(pixelsOf(still)).catch((error) => problem("image", error.message));
}

function showThreshold() {
  element("threshold-value").textContent = Number(element("threshold").value).toFixed(2);
}

async function choosePhoto(event) {
  const [file] = event.target.files;
  if (!file) return;
  event.target.value = ""; // the same photo can be chosen again
  try {
    const image = await decode(file);
    show("photo");
    problem("image", "");
    await answerFor(grab(still, image));
  } catch (error) {
    problem("image", error.message);
  }
}

/** Give the image that the shown answer is for to `use`, as a file. */
async function keep(use) {
  const before = state.mode;
  if (before === "camera") show("frozen"); // so that the next frame does not take its place
  try {
    await use(await pictureFile(still, element("label").value.trim() || labelNow()));
  } catch (error) {
    if (error.name !== "AbortError") problem("image", `the image could not be kept: ${error.message}`); // AbortError: the user closed the dialog
  }
  if (before === "camera") show("camera");
}

/** Return what the image shows, in a word. */
function labelNow() {
  const { labels, objects, regions } = state.answer;
  const best = (labels ?? objects ?? regions.filter(({ name }) => name !== "background"))[0];
  return best?.name ?? (labels ? "unknown" : "nothing");
}

/** Show what is wrong with a part of the app; an empty text: nothing is, any more. */
function problem(about, text) {
  state.problems.set(about, text && text[0].toUpperCase() + text.slice(1));
  const shown = [...state.problems.values()].filter(Boolean).join(". ");
  element("problem").textContent = shown;
  element("problem").hidden = !shown;
}
