// Requests to the server of this page.

import { clean } from "./dom.js";

const TIMEOUT_MS = 15000;
let onLogin = () => {};

/** A request that failed, with a message for people. */
export class Problem extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Set what happens when the server asks for a token. */
export function whenLoginNeeded(callback) { onLogin = callback; }

/** Send a request and return the JSON of the answer, or null. Throws Problem. */
export async function call(method, path, body, type) {
  const options = { method, credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS), headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = type ?? "application/json";
    options.body = type ? body : JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem(0, "No connection to the device. Try again.");
  }
  const data = await json(answer);
  if (answer.ok) return data;
  if (answer.status === 401 && path !== "/login") onLogin();
  throw new Problem(answer.status, clean(data?.detail ?? data?.title ?? `The device answered ${answer.status}.`, 300));
}

async function json(answer) {
  if (!/json/.test(answer.headers.get("Content-Type") ?? "")) return null;
  try { return await answer.json(); } catch { return null; }
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);
