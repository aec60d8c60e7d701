// Tabs, as in the ARIA authoring practices: arrow keys, Home and End move; one tab is in the tab order.

import { $, remember, remembered } from "./dom.js";

const tabs = () => [...document.querySelectorAll("[role=tab]:not([hidden])")];

function select(tab, onShow) {
  for (const one of document.querySelectorAll("[role=tab]")) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  remember("tab", tab.id);
  onShow(tab.getAttribute("aria-controls"));
}

/** Start the tabs; `onShow(panel)` is called with the id of each panel that is shown. */
export function startTabs(onShow) {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    tab.addEventListener("click", () => select(tab, onShow));
    tab.addEventListener("keydown", (event) => {
      const all = tabs(), at = all.indexOf(tab);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = all[to % all.length];
      next.focus();
      select(next, onShow);
    });
  }
  select(tabs().find((tab) => tab.id === remembered("tab")) ?? tabs()[0], onShow);
}
