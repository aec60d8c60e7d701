// The self-test: images that the app carries as raw pixels, with the input tensors and answers that Python got for them.

import { fetchUnpacked } from "./packed.js";
import { sha256 } from "./sha256.js";

/** Return {cases, failed: [{image, reason}], worst}; `worst`: largest difference of a score or share of a mask, 0..1. */
export async function runSelfTest(facts, model) {
  const test = facts.selftest;
  const packed = await fetchUnpacked(new URL(`../model/${test.file}`, import.meta.url));
  if (sha256(packed) !== test.sha256) throw new Error("the images of the self-test are damaged; copy the whole folder again");
  const failed = [];
  let worst = 0;
  for (const one of test.cases) {
    const { reason, difference } = await check(one, test, model, packed);
    worst = Math.max(worst, difference);
    if (reason) failed.push({ image: one.image, reason });
  }
  return { cases: test.cases.length, failed, worst };
}

async function check(one, test, model, packed) {
  const frame = frameOf(one, packed);
  const tensor = model.tensor(frame);
  const outputs = await model.outputs(tensor);
  const found = differences(one, test, model, outputs, [frame.width, frame.height], packed);
  if (sha256(tensor) === one.tensor_sha256) return found;
  return { ...found, reason: "different input tensor (preprocessing differs)" };
}

function differences(one, test, model, outputs, size, packed) {
  if (one.scores) return compareScores(one.scores, model.scores(outputs), test.tolerance);
  if (one.mask) return compareMasks(one.mask, model.decode(outputs, test.threshold, size), packed, test.tolerance);
  const lowest = Math.max(0, test.min_score - test.tolerance);
  return compareObjects(one.objects, model.decode(outputs, lowest, size).objects, test);
}

function frameOf({ width, height, offset }, packed) {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let n = 0, from = offset; n < data.length; n += 4, from += 3) {
    data[n] = packed[from];
    data[n + 1] = packed[from + 1];
    data[n + 2] = packed[from + 2];
    data[n + 3] = 255;
  }
  return { width, height, data };
}

function compareScores({ indices, values, clear }, found, tolerance) {
  const difference = Math.max(...indices.map((index, n) => Math.abs(found[index] - values[n])));
  const top = found.reduce((best, score, n) => (score > found[best] ? n : best), 0);
  if (clear && top !== indices[0]) return { difference, reason: "different top class" };
  return { difference, reason: difference <= tolerance ? "" : `score off by ${difference.toFixed(2)}` };
}

function compareMasks({ offset, width, height }, found, packed, tolerance) {
  if (found.maskWidth !== width || found.maskHeight !== height) return { difference: 1, reason: "mask of a different size" };
  let different = 0;
  for (let n = 0; n < width * height; n++) if (found.mask[n] !== packed[offset + n]) different++;
  const difference = different / (width * height);
  const percent = (100 * difference).toFixed(1);
  return { difference, reason: difference <= tolerance ? "" : `${percent} % of the mask's pixels differ` };
}

function compareObjects(expected, found, { tolerance, min_iou: minIou, min_score: minScore }) {
  const same = (a, b) => a.index === b.index && overlap(a.box, b.box) >= minIou;
  let difference = 0;
  for (const one of expected) {
    const partners = found.filter((other) => same(one, other)).map((other) => Math.abs(other.score - one.score));
    if (!partners.length) return { difference: 1, reason: "an object is missing or at another place" };
    difference = Math.max(difference, Math.min(...partners));
  }
  if (difference > tolerance) return { difference, reason: `score off by ${difference.toFixed(2)}` };
  const extra = found.find((one) => one.score >= minScore + tolerance && !expected.some((other) => same(other, one)));
  return { difference, reason: extra ? `an object too many, with a score of ${extra.score.toFixed(2)}` : "" };
}

/** Return the intersection over union of two boxes. */
function overlap(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}
