// The live page: starts its parts and passes on what the device sends.

import { get } from "./api.js";
import { loadClips } from "./clips.js";
import { $, clean } from "./dom.js";
import { Feed } from "./feed.js";
import { showHealth, showModel, showOutputs, showRelease } from "./health.js";
import { showClasses, startLabel, watchTeaching } from "./label.js";
import { showFrame, showRate, showState, startLive, stream } from "./live.js";
import { startLogin } from "./login.js";
import { loadImages, showFolders, startReview } from "./review.js";
import { showSaving, showSettings, startSettings } from "./settings.js";
import { showCounts } from "./shapes.js";
import { startTabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { addEvent, allowSaving } from "./timeline.js";
import { startToast } from "./toast.js";

const RETRY_MS = 3000;
const HISTORY_MS = 5000;
let link = "connecting"; // connecting, open, lost or ended
let paused = false;
let cameraLost = false;
let panel = "";
let about = null; // the whole status, once it was read
let newest = null;

const feed = new Feed({
  open() { link = "open"; watch(); showLink(); },
  frame(frame) {
    if (!newest) requestAnimationFrame(drawNewest);
    newest = frame;
    about.seen = true;
    showLink();
  },
  event(event) {
    addEvent(event);
    if (event.event === "camera_lost" || event.event === "camera_back") reload(); // old events are sent, too
  },
  status: showStatus,
  lost(state) { link = state; showLink(); stream(false); },
  refused: connect,
});

function drawNewest() {
  showFrame(newest);
  newest = null;
}

function showLink() {
  const working = cameraLost ? "camera" : paused ? "paused" : about?.seen ? "live" : "waiting";
  showState(link === "open" ? working : link);
}

/** Let the device encode images only while this page is visible. */
function watch() { stream(link === "open" && !document.hidden); }

/** Show what changes while the loop runs. */
function showStatus(now) {
  paused = now.paused;
  cameraLost = !now.camera_connected;
  showLink();
  showRate(now.status);
  showCounts(now);
  showSettings(now.settings, about.model);
  showHealth(now.status, about.history);
  showOutputs(now.outputs);
  showRelease(now.status.release);
  loadClips(now.newest_clip);
  showClasses(about.model.labels, now.collect);
  if (showFolders(now.collect, about.role === "admin") && panel === "review") loadImages();
}

/** Read the whole status. */
async function load() {
  const first = about === null;
  about = { seen: about?.seen, ...(await get("/api/status")) };
  for (const one of document.querySelectorAll("[data-control]")) one.hidden = about.role !== "admin";
  const title = clean(about.name || about.model.name);
  $("title").textContent = title;
  document.title = `${title} · edgevision`;
  if (first) {
    startLive(about.model.task);
    startTabs(show);
  }
  $("login").hidden = true;
  $("page").hidden = false;
  showModel(about.model, about.source);
  showSaving(about.settings_file);
  allowSaving(about.role === "admin");
  showStatus(about);
}

function show(id) {
  panel = id;
  document.body.dataset.panel = id;
  if (id === "review") loadImages();
  if (id === "label") watchTeaching();
  if (id === "health") reload();
}

const reload = () => load().catch(() => {}); // the next message or the next try shows what is wrong

async function connect() {
  try {
    await load();
    feed.start();
  } catch (problem) {
    if (problem.status === 401) return; // the form is shown
    link = "lost";
    showLink();
    setTimeout(connect, RETRY_MS);
  }
}

function tokenNeeded() {
  feed.stop();
  stream(false);
  $("link").textContent = "Token needed";
}

function start() {
  startTheme();
  startToast();
  startSettings();
  startLabel(reload);
  startReview(async () => { await reload(); await loadImages(); });
  document.addEventListener("visibilitychange", watch);
  // A page that was left may be kept to go back to, and a browser has few connections to a device: those of several such pages
  // would keep the next one from loading.
  addEventListener("pagehide", () => { feed.stop(); stream(false); });
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  setInterval(() => { if (panel === "health" && link === "open" && !document.hidden) reload(); }, HISTORY_MS);
  startLogin(connect, tokenNeeded);
}

start();
