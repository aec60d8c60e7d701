// The model in the worker: opens it, predicts, and runs the self-test.

import { scores, classify } from "./classification.js";
import { detect } from "./detection.js";
import { fetchBytes } from "./packed.js";
import { prepare } from "./preparation.js";
import { openModel } from "./runtime.js";
import { segment } from "./segmentation.js";
import { runSelfTest } from "./selftest.js";
import { sha256 } from "./sha256.js";

const TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };
const DECODERS = { classification: classify, detection: detect, segmentation: segment };

let opened; // {facts, model}

/** Load the model; return its facts and the time it took. */
export async function open() {
  const start = performance.now();
  const facts = JSON.parse(new TextDecoder().decode(await fetchBytes(new URL("../model/facts.json", import.meta.url))));
  const tables = facts.input.tables.map((table) => new TYPES[facts.input.dtype](bytesOf(table).buffer));
  opened = { facts: { ...facts, input: { ...facts.input, tables } } };
  opened.model = await openModel(new URL(`../model/${facts.model.file}`, import.meta.url), facts.input);
  return { facts, build: opened.model.build, milliseconds: performance.now() - start };
}

/** Return the answer for a frame {width, height, data}; `raw`: with the SHA-256 of the input and of each output. */
export async function predict({ frame, threshold, raw = false }) {
  const { facts, model } = opened;
  const start = performance.now();
  const tensor = prepare(frame, facts);
  const prepared = performance.now();
  const outputs = await model.run(tensor);
  const inferred = performance.now();
  const answer = DECODERS[facts.decoder.kind](outputs, facts, threshold, [frame.width, frame.height]);
  answer.milliseconds = { prepare: prepared - start, infer: inferred - prepared, decode: performance.now() - inferred };
  if (raw) answer.raw = { input: sha256(tensor), outputs: outputs.map(sha256) };
  return answer;
}

/** Run the self-test; return {cases, failed: [{image, reason}], worst}. */
export async function selfTest() {
  const { facts, model } = opened;
  return runSelfTest(facts, {
    tensor: (frame) => prepare(frame, facts),
    outputs: (tensor) => model.run(tensor),
    scores: (outputs) => scores(outputs, facts),
    decode: (outputs, threshold, size) => DECODERS[facts.decoder.kind](outputs, facts, threshold, size),
  });
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
