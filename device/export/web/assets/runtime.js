// LiteRT.js in a worker: loads the build that this browser can run, and runs the model on the CPU.

import { fetchBytes, fetchUnpacked } from "./packed.js";

const FOLDER = new URL("../runtime/", import.meta.url);
// "compat" does without relaxed SIMD, which Safari and older browsers lack.
const BUILDS = { true: "litert_wasm_internal", false: "litert_wasm_compat_internal" };

/** Return {run}, whose function takes the input tensor and returns the outputs as typed arrays. */
export async function openModel(url, input) {
  const litert = await import(new URL("litert.js", FOLDER).href);
  const build = BUILDS[await litert.supportsFeature("relaxedSimd")];
  self.Module = { wasmBinary: await fetchUnpacked(new URL(`${build}.wasm.gz`, FOLDER)), print: report, printErr: report };
  await withoutGpu(() => litert.loadLiteRt(new URL(`${build}.js`, FOLDER).href));
  const bytes = await fetchBytes(url);
  const model = await litert.loadAndCompile(bytes, { accelerator: "wasm" });
  return { build, run: (tensor) => run(litert, model, tensor, input.shape) };
}

async function run(litert, model, values, shape) {
  const tensor = new litert.Tensor(values, shape);
  try {
    const outputs = await model.run(tensor);
    return outputs.map((output) => {
      const copied = output.toTypedArray().slice();
      output.delete();
      return copied;
    });
  } finally {
    tensor.delete();
  }
}

/** Start LiteRT.js without its search for a GPU: the app uses none, so that answers are the same everywhere. */
async function withoutGpu(start) {
  const { warn } = console;
  Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
  console.warn = () => {}; // that there is none
  try {
    return await start();
  } finally {
    console.warn = warn;
  }
}

/** Pass on what the runtime reports, without its notes. */
function report(line) {
  if (!/^(INFO|WARNING)\b/.test(line)) console.error(line);
}
