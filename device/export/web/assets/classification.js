// From a classifier's output to labels, as edgevision/postprocessing/classification.py does it.

import { dequantize, descending, nameOf, unit } from "./values.js";

const TOP = 5;

/** Return {labels}: at most five with a score of at least the threshold, best first. None: unknown. */
export function classify(outputs, facts, threshold) {
  const found = scores(outputs, facts);
  const limit = Math.fround(threshold);
  const best = descending(found).slice(0, TOP).filter((index) => found[index] >= limit);
  return { labels: best.map((index) => ({ index, name: nameOf(facts.labels, index), score: unit(found[index]) })) };
}

/** Return the scores of all classes, 0..1. */
export function scores(outputs, { outputs: specs, activation }) {
  let flat = dequantize(outputs[0], specs[0]);
  if (activation === "logits") flat = softmax(flat);
  if (activation === "sigmoid_logits") flat = flat.map((value) => 1 / (1 + Math.exp(-clipped(value))));
  const alone = flat.length === 1 && activation.startsWith("sigmoid");
  return alone ? Float32Array.of(1 - flat[0], flat[0]) : flat;
}

function softmax(values) {
  const highest = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const shifted = values.map((value) => Math.exp(value - highest));
  const sum = shifted.reduce((a, b) => a + b, 0);
  return shifted.map((value) => value / sum);
}

function clipped(value) {
  return Math.min(80, Math.max(-80, value)); // beyond 80, a 32-bit sigmoid is 0 or 1
}
