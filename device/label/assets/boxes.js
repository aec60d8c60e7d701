// Draws boxes on the image: drag to draw, drag inside to move, drag a corner to resize; or with the keyboard.

import { $, clean } from "/assets/dom.js";
import { Drawing, HANDLE_PX, limit } from "/assets/drawing.js";

const MIN_PX = 4;
const STEP = 0.01;
const HELP = "Boxes on the image: drag to draw one; Tab chooses the next one, arrow keys move it, Shift and arrow keys resize it, Delete removes it";
const SAME = 0.5;

/** The boxes of one image. Each has `label`, `box` ([x0, y0, x1, y1], 0..1 of the image), `difficult` and `proposed`. */
export class BoxEditor extends Drawing {
  constructor(onChange) {
    super();
    this.onChange = onChange;
    this.size = [1, 1];
    this.boxes = [];
    this.chosen = -1;
    this.label = null; // of new boxes
    this.drag = null;
    this.readOnly = false;
    $("image").addEventListener("load", () => { if (this.active) this.paint(); });
  }

  /** Show the boxes of an image of `size` ([width, height] in pixels), in pixels. */
  open(boxes, size, proposed) {
    this.size = size;
    this.boxes = boxes.map((one) => this.inside(one, proposed));
    this.chosen = -1;
    this.drag = null;
    this.active = true;
    this.canvas.setAttribute("aria-label", HELP);
    this.canvas.hidden = false;
    this.paint();
  }

  inside(one, proposed) {
    const [width, height] = this.size, [x0, y0, x1, y1] = one.box;
    return { label: one.label, score: one.score, difficult: one.difficult ?? false, proposed, box: [x0 / width, y0 / height, x1 / width, y1 / height] };
  }

  /** Add the model's boxes that no other box covers. */
  propose(boxes) {
    const made = boxes.map((one) => this.inside(one, true));
    this.boxes.push(...made.filter((one) => !this.boxes.some((other) => overlap(one.box, other.box) >= SAME)));
    this.changed();
  }

  /** Return the boxes in pixels. */
  value() {
    const [width, height] = this.size;
    return this.boxes.map(({ label, difficult, box: [x0, y0, x1, y1] }) => ({ label, difficult, box: [x0 * width, y0 * height, x1 * width, y1 * height] }));
  }

  get selected() { return this.boxes[this.chosen] ?? null; }

  choose(place) {
    this.chosen = place;
    this.changed();
  }

  /** Give the chosen box a class, or the ones drawn from now on. */
  relabel(label) {
    this.label = label;
    if (this.selected) Object.assign(this.selected, { label, proposed: false });
    this.changed();
  }

  remove(place = this.chosen) {
    if (!this.boxes[place]) return;
    this.boxes.splice(place, 1);
    this.chosen = Math.min(this.chosen, this.boxes.length - 1);
    this.changed();
  }

  /** Add a box in the middle, for the keyboard. */
  add() {
    this.boxes.push({ label: this.label, difficult: false, proposed: false, box: [0.35, 0.35, 0.65, 0.65] });
    this.choose(this.boxes.length - 1);
    this.canvas.focus({ preventScroll: true });
  }

  changed() {
    this.paint();
    this.onChange();
  }

  down(x, y) {
    this.canvas.focus({ preventScroll: true });
    if (this.readOnly) return;
    const corner = this.corner(x, y);
    if (corner) { this.drag = corner; return; }
    const under = this.boxes.map((one, place) => place).filter((place) => covers(this.boxes[place].box, x, y));
    const place = under.includes(this.chosen) ? this.chosen : under.sort((a, b) => area(this.boxes[a].box) - area(this.boxes[b].box))[0];
    if (place !== undefined) {
      this.chosen = place;
      this.drag = { from: [x, y], start: [...this.boxes[place].box], place };
    } else {
      this.chosen = -1;
      this.drag = { fixed: [x, y], place: -1 };
    }
    this.onChange();
  }

  /** Return the drag of a corner of the chosen box, or null. */
  corner(x, y) {
    const one = this.selected;
    if (!one) return null;
    const [x0, y0, x1, y1] = one.box;
    for (const [a, b, fixed] of [[x0, y0, [x1, y1]], [x1, y0, [x0, y1]], [x0, y1, [x1, y0]], [x1, y1, [x0, y0]]]) {
      if (this.distance([x, y], [a, b]) < HANDLE_PX / 2) return { fixed, place: this.chosen };
    }
    return null;
  }

  move(x, y) {
    const drag = this.drag;
    if (!drag) return;
    if (drag.fixed) {
      const [a, b] = drag.fixed;
      if (drag.place < 0) {
        if (this.distance([x, y], [a, b]) < 2 * MIN_PX) return;
        drag.place = this.boxes.push({ label: this.label, difficult: false, proposed: false, box: [a, b, a, b] }) - 1;
        this.chosen = drag.place;
      }
      this.boxes[drag.place].box = [Math.min(a, x), Math.min(b, y), Math.max(a, x), Math.max(b, y)];
    } else {
      const [x0, y0, x1, y1] = drag.start;
      const right = limit(x - drag.from[0], -x0, 1 - x1), down = limit(y - drag.from[1], -y0, 1 - y1);
      this.boxes[drag.place].box = [x0 + right, y0 + down, x1 + right, y1 + down];
    }
    this.boxes[drag.place].proposed = false;
  }

  up() {
    if (!this.drag) return;
    const place = this.drag.place;
    this.drag = null;
    const one = this.boxes[place];
    const shown = this.area();
    if (one && ((one.box[2] - one.box[0]) * shown.width < MIN_PX || (one.box[3] - one.box[1]) * shown.height < MIN_PX)) this.remove(place);
    else this.changed();
  }

  key(event) {
    if (event.key === "Escape") { this.choose(-1); this.canvas.blur(); return true; }
    if (event.key === "Tab" && this.boxes.length) {
      const next = this.chosen + (event.shiftKey ? -1 : 1);
      if (next < 0 || next >= this.boxes.length) { this.choose(-1); return false; } // the focus goes on
      this.choose(next);
      return true;
    }
    if (this.readOnly || !this.selected) return false;
    if (event.key === "Delete" || event.key === "Backspace") { this.remove(); return true; }
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!by) return false;
    this.shift(by, event.shiftKey);
    return true;
  }

  shift([right, down], resize) {
    const one = this.selected, [x0, y0, x1, y1] = one.box;
    if (resize) one.box = [x0, y0, limit(x1 + right, x0 + STEP, 1), limit(y1 + down, y0 + STEP, 1)];
    else {
      const dx = limit(right, -x0, 1 - x1), dy = limit(down, -y0, 1 - y1);
      one.box = [x0 + dx, y0 + dy, x1 + dx, y1 + dy];
    }
    one.proposed = false;
    this.changed();
  }

  paint() {
    const { pen, at } = this.begin();
    pen.font = "600 13px system-ui, sans-serif";
    this.boxes.forEach((one, place) => {
      const [left, top] = at(one.box.slice(0, 2)), [right, bottom] = at(one.box.slice(2)), chosen = place === this.chosen;
      pen.setLineDash(one.proposed ? [6, 4] : []);
      for (const [color, width] of [["rgb(0 0 0 / 60%)", chosen ? 6 : 4], [chosen ? "#f4bf63" : "#5ccabd", chosen ? 3 : 2]]) {
        pen.strokeStyle = color;
        pen.lineWidth = width;
        pen.strokeRect(left, top, right - left, bottom - top);
      }
      pen.setLineDash([]);
      const text = one.label === null ? "no class" : clean(one.label, 30), wide = pen.measureText(text).width + 8;
      const above = top > 20 ? top - 20 : top;
      pen.fillStyle = "rgb(0 0 0 / 75%)";
      pen.fillRect(left, above, wide, 20);
      pen.fillStyle = "#fff";
      pen.fillText(text, left + 4, above + 14);
      if (chosen) this.handles(pen, [[left, top], [right, top], [left, bottom], [right, bottom]]);
    });
  }
}

const covers = ([x0, y0, x1, y1], x, y) => x >= x0 && x <= x1 && y >= y0 && y <= y1;
const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);

/** Return the intersection over union of two boxes. */
function overlap(a, b) {
  const wide = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])), high = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return (wide * high) / (area(a) + area(b) - wide * high);
}
