// Draws a region of interest on the picture, with a finger, a mouse or the keyboard.

import { $ } from "./dom.js";

const MIN_SIDE = 0.05;
const STEP = 0.02;
const HANDLE_PX = 28;
const START = [0.2, 0.2, 0.6, 0.6];

const limit = (value, low, high) => Math.min(high, Math.max(low, value));
const round = (value) => Math.round(value * 1000) / 1000;

/** The drawing of one region; `region` is [x, y, width, height], each 0..1 of the image. */
export class RegionEditor {
  constructor() {
    this.canvas = $("draw");
    this.region = START;
    this.drag = null;
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => { this.drag = null; });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.paint()).observe(this.canvas);
  }

  open(region) {
    this.region = region ?? START;
    this.canvas.hidden = false;
    this.canvas.focus({ preventScroll: true });
    this.canvas.scrollIntoView({ block: "nearest" });
    this.paint();
  }

  close() { this.canvas.hidden = true; }

  /** Return the region rounded so that it stays inside the image. */
  value() {
    const [x, y, width, height] = this.region.map(round);
    return [x, y, Math.min(width, round(1 - x)), Math.min(height, round(1 - y))];
  }

  /** Return where the image lies in the canvas: it keeps its proportions. */
  area() {
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    const ratio = ($("image").naturalWidth || wide) / ($("image").naturalHeight || high);
    const width = Math.min(wide, high * ratio), height = Math.min(high, wide / ratio);
    return { left: (wide - width) / 2, top: (high - height) / 2, width, height };
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect(), area = this.area();
    return [limit((event.clientX - box.left - area.left) / area.width, 0, 1), limit((event.clientY - box.top - area.top) / area.height, 0, 1)];
  }

  down(event) {
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    const [x, y] = this.point(event);
    const fixed = this.opposite(x, y);
    this.drag = fixed ?? [x, y]; // else a new rectangle begins here
  }

  /** Return the corner opposite to the one that was touched; null: none was. */
  opposite(x, y) {
    const [left, top, width, height] = this.region, area = this.area();
    for (const [h, v] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const dx = (x - left - h * width) * area.width, dy = (y - top - v * height) * area.height;
      if (Math.hypot(dx, dy) < HANDLE_PX) return [left + (1 - h) * width, top + (1 - v) * height];
    }
    return null;
  }

  move(event) {
    if (!this.drag) return;
    const [x, y] = this.point(event), [a, b] = this.drag;
    const width = Math.max(MIN_SIDE, Math.abs(x - a)), height = Math.max(MIN_SIDE, Math.abs(y - b));
    this.region = [limit(Math.min(x, a), 0, 1 - width), limit(Math.min(y, b), 0, 1 - height), width, height];
    this.paint();
  }

  key(event) {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!by) return;
    event.preventDefault();
    let [x, y, width, height] = this.region;
    if (event.shiftKey) {
      width = limit(width + by[0], MIN_SIDE, 1 - x);
      height = limit(height + by[1], MIN_SIDE, 1 - y);
    } else {
      x = limit(x + by[0], 0, 1 - width);
      y = limit(y + by[1], 0, 1 - height);
    }
    this.region = [x, y, width, height];
    this.paint();
  }

  paint() {
    if (this.canvas.hidden) return;
    const ratio = devicePixelRatio || 1, { clientWidth: wide, clientHeight: high } = this.canvas;
    this.canvas.width = wide * ratio;
    this.canvas.height = high * ratio;
    const pen = this.canvas.getContext("2d"), area = this.area(), [x, y, w, h] = this.region;
    const [left, top, width, height] = [area.left + x * area.width, area.top + y * area.height, w * area.width, h * area.height];
    pen.scale(ratio, ratio);
    pen.fillStyle = "rgb(0 0 0 / 55%)";
    pen.fillRect(0, 0, wide, high);
    pen.clearRect(left, top, width, height);
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect(left, top, width, height);
    pen.fillStyle = "#5ccabd";
    for (const [cx, cy] of [[left, top], [left + width, top], [left, top + height], [left + width, top + height]]) {
      pen.beginPath();
      pen.arc(cx, cy, 8, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    }
  }
}
