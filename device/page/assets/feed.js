// The stream of frames, events and status, with its reconnection.

const SILENCE_MS = 7000; // the server sends a status every 2 s
const RETRY_MS = 2000;

/** Connects to /api/events and calls `on.frame`, `on.event`, `on.status`, `on.open`, `on.lost(state)` and `on.refused`. */
export class Feed {
  constructor(on) {
    this.on = on;
    this.source = null;
    this.watch = 0;
    this.retry = 0;
  }

  start() {
    this.stop();
    this.source = new EventSource("/api/events");
    this.source.onopen = () => { this.heard(); this.on.open(); };
    for (const kind of ["frame", "event", "status"]) {
      this.source.addEventListener(kind, (message) => this.take(kind, message));
    }
    this.source.addEventListener("end", () => this.fail("ended"));
    this.source.onerror = () => this.fail();
    this.heard();
  }

  stop() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.watch);
    clearTimeout(this.retry);
  }

  take(kind, message) {
    this.heard();
    let data;
    try { data = JSON.parse(message.data); } catch { return; }
    this.on[kind](data, message.lastEventId);
  }

  heard() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => this.fail(), SILENCE_MS);
  }

  fail(state = "lost") {
    this.stop();
    this.on.lost(state);
    this.retry = setTimeout(() => this.on.refused(), RETRY_MS);
  }
}
