// Light, dark, or as the system.

import { $, remember, remembered } from "./dom.js";

const THEMES = ["system", "light", "dark"];
const SAID = { system: "as the system", light: "light", dark: "dark" };

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  $("theme").setAttribute("aria-label", `Color theme: ${SAID[theme]}`);
  $("theme").title = `Color theme: ${SAID[theme]}`;
}

export function startTheme() {
  let theme = THEMES.includes(remembered("theme")) ? remembered("theme") : "system";
  apply(theme);
  $("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    remember("theme", theme);
    apply(theme);
  });
}
