// Draws a region of interest on the picture, with a finger, a mouse or the keyboard.

import { Drawing, HANDLE_PX, limit, round } from "./drawing.js";

const MIN_SIDE = 0.05;
const STEP = 0.02;
const START = [0.2, 0.2, 0.6, 0.6];
const HELP = "Region of interest: drag over the image, or move with the arrow keys and resize with Shift and the arrow keys";

/** The drawing of one region; `region` is [x, y, width, height], each 0..1 of the image. */
export class RegionEditor extends Drawing {
  constructor() {
    super();
    this.region = START;
    this.drag = null;
  }

  open(region) {
    this.region = region ?? START;
    this.show(HELP);
  }

  /** Return the region rounded so that it stays inside the image. */
  value() {
    const [x, y, width, height] = this.region.map(round);
    return [x, y, Math.min(width, round(1 - x)), Math.min(height, round(1 - y))];
  }

  down(x, y) { this.drag = this.opposite(x, y) ?? [x, y]; } // away from the corners, a new rectangle begins

  /** Return the corner opposite to the one that was touched; null: none was. */
  opposite(x, y) {
    const [left, top, width, height] = this.region;
    for (const [h, v] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      if (this.distance([x, y], [left + h * width, top + v * height]) < HANDLE_PX) return [left + (1 - h) * width, top + (1 - v) * height];
    }
    return null;
  }

  move(x, y) {
    if (!this.drag) return;
    const [a, b] = this.drag;
    const width = Math.max(MIN_SIDE, Math.abs(x - a)), height = Math.max(MIN_SIDE, Math.abs(y - b));
    this.region = [limit(Math.min(x, a), 0, 1 - width), limit(Math.min(y, b), 0, 1 - height), width, height];
  }

  up() { this.drag = null; }

  key(event) {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!by) return false;
    let [x, y, width, height] = this.region;
    if (event.shiftKey) {
      width = limit(width + by[0], MIN_SIDE, 1 - x);
      height = limit(height + by[1], MIN_SIDE, 1 - y);
    } else {
      x = limit(x + by[0], 0, 1 - width);
      y = limit(y + by[1], 0, 1 - height);
    }
    this.region = [x, y, width, height];
    return true;
  }

  paint() {
    const { pen, at } = this.begin(), [x, y, w, h] = this.region;
    const [left, top] = at([x, y]), [right, bottom] = at([x + w, y + h]);
    pen.fillStyle = "rgb(0 0 0 / 55%)";
    pen.fillRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    pen.clearRect(left, top, right - left, bottom - top);
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect(left, top, right - left, bottom - top);
    this.handles(pen, [[left, top], [right, top], [left, bottom], [right, bottom]]);
  }
}
