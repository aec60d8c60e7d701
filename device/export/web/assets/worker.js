// The worker's end of the messages in model.js. A classic script: LiteRT.js loads its WebAssembly with importScripts.

let engine;

self.onmessage = async ({ data: { id, call, given } }) => {
  try {
    engine ??= import("./engine.js");
    self.postMessage({ id, result: await (await engine)[call](given) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
};
