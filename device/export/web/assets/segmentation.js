// From a segmenter's output to a mask over the frame, as edgevision/postprocessing/segmentation.py does it.

import { plan, roundHalfEven } from "./geometry.js";
import { dequantize, descending, nameOf, rounded } from "./values.js";

const UNSEEN = 255; // a pixel that the model did not see

/** Return {mask, maskWidth, maskHeight, regions}; the threshold applies to a single plane of scores. */
export function segment(outputs, facts, threshold, size) {
  const classes = classesOf(outputs[0], facts, threshold);
  const mask = overFrame(classes, facts.preprocessing, size);
  return { mask: mask.data, maskWidth: mask.width, maskHeight: mask.height, regions: regions(mask.data, facts.labels) };
}

function classesOf(output, { outputs, decoder, activation }, threshold) {
  const { width, height, mask } = decoder;
  if (mask === "scores") return { data: best(output, width * height), width, height };
  if (mask === "classes") return { data: Uint8Array.from(output), width, height };
  const real = dequantize(output, outputs[0]);
  const logits = activation === "logits" || activation === "sigmoid_logits";
  const score = (value) => (logits ? Math.fround(1 / (1 + Math.exp(-value))) : value);
  const limit = Math.fround(threshold);
  return { data: Uint8Array.from(real, (value) => (score(value) >= limit ? 1 : 0)), width, height };
}

function best(output, pixels) {
  const classes = output.length / pixels;
  const made = new Uint8Array(pixels);
  for (let n = 0, at = 0; n < pixels; n++, at += classes) {
    let top = 0;
    for (let c = 1; c < classes; c++) if (output[at + c] > output[at + top]) top = c;
    made[n] = top;
  }
  return made;
}

function overFrame(classes, preprocessing, [frameWidth, frameHeight]) {
  const { source, target } = plan(frameWidth, frameHeight, preprocessing);
  const [left, right] = span(target[0], target[2], preprocessing.width, classes.width);
  const [top, bottom] = span(target[1], target[3], preprocessing.height, classes.height);
  const part = cut(classes, left, top, right - left, bottom - top);
  return preprocessing.resize === "crop" ? padded(part, source, frameWidth, frameHeight) : part;
}

/** Return the start and end of a range, scaled from `whole` to `pixels`; never empty. */
function span(start, length, whole, pixels) {
  const first = Math.min(roundHalfEven((start * pixels) / whole), pixels - 1);
  const end = roundHalfEven(((start + length) * pixels) / whole);
  return [first, Math.min(pixels, Math.max(first + 1, end))];
}

function cut({ data, width }, x, y, w, h) {
  const made = new Uint8Array(w * h);
  for (let row = 0; row < h; row++) {
    const from = (y + row) * width + x;
    made.set(data.subarray(from, from + w), row * w);
  }
  return { data: made, width: w, height: h };
}

/** Put the mask of a cropped part where it belongs in the frame; the rest is UNSEEN. */
function padded(part, [x, y, w, h], frameWidth, frameHeight) {
  const small = stretch(part, Math.min(w, part.width), Math.min(h, part.height));
  const across = small.width / w;
  const down = small.height / h;
  const left = roundHalfEven(x * across);
  const top = roundHalfEven(y * down);
  const width = left + small.width + roundHalfEven((frameWidth - x - w) * across);
  const height = top + small.height + roundHalfEven((frameHeight - y - h) * down);
  const made = new Uint8Array(width * height).fill(UNSEEN);
  for (let row = 0; row < small.height; row++) {
    made.set(small.data.subarray(row * small.width, (row + 1) * small.width), (top + row) * width + left);
  }
  return { data: made, width, height };
}

/** Resize a mask by the nearest pixel. */
function stretch(mask, width, height) {
  const made = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    const row = Math.floor(((2 * y + 1) * mask.height) / (2 * height)) * mask.width;
    for (let x = 0; x < width; x++) made[to++] = mask.data[row + Math.floor(((2 * x + 1) * mask.width) / (2 * width))];
  }
  return { data: made, width, height };
}

function regions(mask, labels) {
  const counts = new Int32Array(UNSEEN + 1);
  for (const index of mask) counts[index]++;
  const order = descending(counts.subarray(0, UNSEEN)).filter((index) => counts[index]);
  const area = (index) => rounded(counts[index] / mask.length, 6);
  return order.map((index) => ({ index, name: nameOf(labels, index), area: area(index) }));
}
