// Draws a counting line or a zone on the picture, with a finger, a mouse or the keyboard.

import { Drawing, HANDLE_PX, limit, round } from "./drawing.js";

const STEP = 0.02;
const MAX_CORNERS = 32;
const START = { line: [[0.5, 0.9], [0.5, 0.1]], zone: [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]] };
const KEYS = "the arrow keys move the chosen point, Space chooses the next one, and Shift with the arrow keys moves all";
const HELP = {
  line: `Counting line: drag from one end to the other, or ${KEYS}`,
  zone: `Zone: drag its corners, touch beside it for another corner, or ${KEYS}`,
};

/** The drawing of one line or zone; `points` are [x, y], each 0..1 of the image. */
export class ShapeEditor extends Drawing {
  constructor() {
    super();
    this.kind = "line";
    this.points = START.line;
    this.chosen = 0;
    this.dragged = false;
  }

  open(kind, points) {
    this.kind = kind;
    this.points = (points ?? START[kind]).map((point) => [...point]);
    this.chosen = 0;
    this.show(HELP[kind]);
  }

  value() { return this.points.map((point) => point.map(round)); }

  down(x, y) {
    this.dragged = true;
    const touched = this.points.findIndex((point) => this.distance(point, [x, y]) < HANDLE_PX);
    if (touched >= 0) this.chosen = touched;
    else if (this.kind === "line") { this.points = [[x, y], [x, y]]; this.chosen = 1; } // a new line begins here
    else if (this.points.length < MAX_CORNERS) this.insert(x, y);
  }

  /** Add a corner on the edge that is nearest. */
  insert(x, y) {
    const detour = (place) => {
      const before = this.points[place], after = this.points[(place + 1) % this.points.length];
      return this.distance(before, [x, y]) + this.distance([x, y], after) - this.distance(before, after);
    };
    const place = this.points.map((_, n) => n).reduce((best, n) => (detour(n) < detour(best) ? n : best), 0);
    this.points.splice(place + 1, 0, [x, y]);
    this.chosen = place + 1;
  }

  move(x, y) { if (this.dragged) this.points[this.chosen] = [x, y]; }

  up() { this.dragged = false; }

  /** Turn a line around, or remove the chosen corner of a zone. */
  change() {
    if (this.kind === "line") this.points.reverse();
    else if (this.points.length > 3) this.points.splice(this.chosen, 1);
    this.chosen = Math.min(this.chosen, this.points.length - 1);
    this.paint();
  }

  key(event) {
    if (event.key === " ") { this.chosen = (this.chosen + 1) % this.points.length; return true; }
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!by) return false;
    const moved = ([x, y]) => [limit(x + by[0], 0, 1), limit(y + by[1], 0, 1)];
    if (event.shiftKey) this.points = this.points.map(moved);
    else this.points[this.chosen] = moved(this.points[this.chosen]);
    return true;
  }

  paint() {
    const { pen, at } = this.begin(), points = this.points.map(at);
    const path = () => {
      pen.beginPath();
      points.forEach(([x, y]) => pen.lineTo(x, y));
      if (this.kind === "zone") pen.closePath();
      else this.arrow(pen, points);
    };
    pen.fillStyle = "rgb(92 202 189 / 25%)";
    path();
    if (this.kind === "zone") pen.fill();
    for (const [ink, width] of [["#000", 5], ["#fff", 2.5]]) {
      pen.strokeStyle = ink;
      pen.lineWidth = width;
      path();
      pen.stroke();
    }
    this.handles(pen, points, this.chosen);
  }

  /** Add an arrow from the middle of the line to its right, which is forward. */
  arrow(pen, [[x0, y0], [x1, y1]]) {
    const length = Math.hypot(x1 - x0, y1 - y0) || 1, along = [(x1 - x0) / length, (y1 - y0) / length];
    const ahead = [-along[1], along[0]], middle = [(x0 + x1) / 2, (y0 + y1) / 2];
    const at = (forward, sideways) => middle.map((value, n) => value + forward * ahead[n] + sideways * along[n]);
    pen.moveTo(...middle);
    pen.lineTo(...at(32, 0));
    pen.moveTo(...at(22, -9));
    pen.lineTo(...at(32, 0));
    pen.lineTo(...at(22, 9));
  }
}
