// What the editors on the picture have in common: the canvas over it, and where the image lies in that.

import { $ } from "./dom.js";

export const HANDLE_PX = 28;
export const limit = (value, low, high) => Math.min(high, Math.max(low, value));
export const round = (value) => Math.round(value * 1000) / 1000;

/** An editor on the canvas. Subclasses have `down`, `move`, `up` and `key` for what a person does, and `paint`. */
export class Drawing {
  constructor() {
    this.canvas = $("draw");
    this.active = false;
    const on = (event, act) => this.canvas.addEventListener(event, (given) => { if (this.active) act(given); });
    on("pointerdown", (event) => {
      event.preventDefault();
      this.canvas.setPointerCapture(event.pointerId);
      this.down(...this.point(event));
      this.paint();
    });
    on("pointermove", (event) => { this.move(...this.point(event)); this.paint(); });
    for (const end of ["pointerup", "pointercancel"]) on(end, () => this.up());
    on("keydown", (event) => { if (this.key(event)) { event.preventDefault(); this.paint(); } });
    new ResizeObserver(() => { if (this.active) this.paint(); }).observe(this.canvas);
  }

  /** Show the canvas; `label`: what can be done on it. */
  show(label) {
    this.active = true;
    this.canvas.setAttribute("aria-label", label);
    this.canvas.hidden = false;
    this.canvas.focus({ preventScroll: true });
    this.canvas.scrollIntoView({ block: "nearest" });
    this.paint();
  }

  close() {
    this.active = false;
    this.canvas.hidden = true;
  }

  /** Return where the image lies in the canvas: it keeps its proportions. */
  area() {
    const { clientWidth: wide, clientHeight: high } = this.canvas;
    const ratio = ($("image").naturalWidth || wide) / ($("image").naturalHeight || high);
    const width = Math.min(wide, high * ratio), height = Math.min(high, wide / ratio);
    return { left: (wide - width) / 2, top: (high - height) / 2, width, height };
  }

  /** Return where something happened, as fractions of the image. */
  point(event) {
    const box = this.canvas.getBoundingClientRect(), area = this.area();
    return [limit((event.clientX - box.left - area.left) / area.width, 0, 1), limit((event.clientY - box.top - area.top) / area.height, 0, 1)];
  }

  /** Return the distance of two points of the image, in pixels of the screen. */
  distance([x, y], [a, b]) {
    const area = this.area();
    return Math.hypot((x - a) * area.width, (y - b) * area.height);
  }

  /** Return a pen for an empty canvas, and a function that turns a point of the image into one of the canvas. */
  begin() {
    const ratio = devicePixelRatio || 1, area = this.area();
    this.canvas.width = this.canvas.clientWidth * ratio;
    this.canvas.height = this.canvas.clientHeight * ratio;
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    return { pen, at: ([x, y]) => [area.left + x * area.width, area.top + y * area.height] };
  }

  /** Draw what can be dragged. */
  handles(pen, points, chosen = -1) {
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    points.forEach(([x, y], place) => {
      pen.fillStyle = place === chosen ? "#f4bf63" : "#5ccabd";
      pen.beginPath();
      pen.arc(x, y, 8, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    });
  }
}
