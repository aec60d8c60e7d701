// The page's end of the messages to the worker, in which the model runs so that the page stays responsive.

export class Model {
  #worker = new Worker(new URL("worker.js", import.meta.url));
  #waiting = new Map();
  #last = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { id, result, error } }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) resolve(result);
      else reject(new Error(error));
    };
    this.#worker.onerror = (event) => this.#fail(event.message || "the worker could not be started");
  }

  /** Load the model; return {facts, build, milliseconds}. */
  open() {
    return this.#ask("open");
  }

  /** Return the answer for an ImageData; its pixels are copied. */
  predict(frame, threshold, raw = false) {
    const { width, height, data } = frame;
    return this.#ask("predict", { frame: { width, height, data }, threshold, raw });
  }

  selfTest() {
    return this.#ask("selfTest");
  }

  #ask(call, given) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, given });
    });
  }

  #fail(message) {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}
