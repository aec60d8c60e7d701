// From a detector's outputs to objects in pixels of the frame, as edgevision/postprocessing/detection.py does it.

import { plan, toFrame } from "./geometry.js";
import { dequantize, descending, nameOf, rounded, unit } from "./values.js";

const MAX_CANDIDATES = 1000;

/** Return {objects} with a score of at least the threshold, best first. */
export function detect(outputs, facts, threshold, size) {
  const { boxes, classes, scores } = read(outputs, facts, Math.fround(threshold));
  const geometry = plan(...size, facts.preprocessing);
  const objects = [];
  for (const n of descending(scores).slice(0, MAX_CANDIDATES)) {
    const box = onFrame(boxes[n], geometry, size);
    if (!box || classes[n] < 0) continue;
    objects.push({ index: classes[n], name: nameOf(facts.labels, classes[n]), score: unit(scores[n]), box });
  }
  return { objects };
}

/** Return boxes (pixels of the model's input), classes and scores as TFLite_Detection_PostProcess leaves them. */
function read(outputs, { outputs: specs, decoder, preprocessing }, limit) {
  const real = (role) => dequantize(outputs[decoder[role]], specs[decoder[role]]);
  const [values, numbers, every] = [real("boxes"), real("classes"), real("scores")];
  const count = decoder.count === null ? every.length : Math.trunc(Math.min(every.length, Math.max(0, real("count")[0] || 0)));
  const found = { boxes: [], classes: [], scores: [] };
  for (let n = 0; n < count; n++) {
    if (!(every[n] >= limit) || !Number.isFinite(numbers[n])) continue;
    found.boxes.push(corners(values.subarray(4 * n, 4 * n + 4), decoder.box, preprocessing));
    found.classes.push(Math.floor(numbers[n] + 0.5));
    found.scores.push(every[n]);
  }
  return found;
}

/** Return left, top, right, bottom in pixels of the model's input. */
function corners(values, { order, type, pixels }, { width, height }) {
  let [a, b, c, d] = order.map((place) => values[place]);
  const f = Math.fround;
  if (type === "upper_left") [c, d] = [f(a + c), f(b + d)];
  if (type === "center") [a, b, c, d] = [f(a - f(c / 2)), f(b - f(d / 2)), f(a + f(c / 2)), f(b + f(d / 2))];
  return pixels ? [a, b, c, d] : [f(a * width), f(b * height), f(c * width), f(d * height)];
}

/** Convert a box to pixels of the frame, clipped; null if it is outside. */
function onFrame(box, geometry, [width, height]) {
  if (!box.every(Number.isFinite)) return null;
  const [left, top] = toFrame(geometry, box[0], box[1]);
  const [right, bottom] = toFrame(geometry, box[2], box[3]);
  const [x0, x1] = [left, right].map((x) => rounded(Math.min(Math.max(x, 0), width), 3));
  const [y0, y1] = [top, bottom].map((y) => rounded(Math.min(Math.max(y, 0), height), 3));
  return x0 < x1 && y0 < y1 ? [x0, y0, x1, y1] : null;
}
