// The classes: buttons with the keys 1 to 9, and a field that finds or adds one.

import { $, clean, el, name, percent } from "/assets/dom.js";

const SHOWN = 60;
let classes = [];
let current = null;
let guesses = [];
let choose = () => {};

/** Show the classes that fit the text in the field. `label`: that of the image or box, `guessed`: what the model says. */
export function showClasses(all, label, guessed) {
  [classes, current, guesses] = [all, label, guessed];
  paint();
}

/** Return the class that a key from 1 to 9 stands for, or null. */
export const classOfKey = (key) => (/^[1-9]$/.test(key) ? classes[Number(key) - 1]?.name ?? null : null);

const typed = () => clean($("class-name").value);

/** Return the classes that contain the text, those that begin with it first. */
function matching(text) {
  const wanted = text.toLocaleLowerCase();
  if (!wanted) return classes;
  const found = classes.filter((one) => one.name.toLocaleLowerCase().includes(wanted));
  const rank = (one) => (one.name.toLocaleLowerCase() === wanted ? 0 : one.name.toLocaleLowerCase().startsWith(wanted) ? 1 : 2);
  return found.sort((a, b) => rank(a) - rank(b));
}

function paint() {
  const text = typed(), found = matching(text), offered = text ? found : found.filter(isOffered);
  $("classes").replaceChildren(...offered.slice(0, SHOWN).map(button));
  $("use-class").disabled = !text;
  $("use-class").textContent = text && !found.length ? "Add" : "Use";
  $("found").textContent = said(text, found, found.length - Math.min(offered.length, SHOWN));
}

/** Return whether a class is shown without being typed: models know many that a folder does not need. */
const isOffered = (one) => classes.indexOf(one) < 9 || one.count > 0 || one.name === current || guesses.some((guess) => guess.label === one.name);

function said(text, found, hidden) {
  if (!text && hidden > 0) return `${hidden} more ${hidden === 1 ? "class" : "classes"}: type to find ${hidden === 1 ? "it" : "them"}`;
  if (!text) return classes.length ? "" : "There are no classes yet. Type the name of the first one.";
  return found.length ? `Enter: ${clean(found[0].name)}` : `Enter: new class ${text}`;
}

function button(one) {
  const place = classes.indexOf(one), score = guesses.find((guess) => guess.label === one.name)?.score;
  const made = el("button", { type: "button", attributes: { "aria-pressed": String(one.name === current) } });
  if (one.name === guesses[0]?.label) made.classList.add("guessed");
  if (place < 9) made.append(el("kbd", {}, String(place + 1)));
  made.append(name(one.name, { className: "clip" }), el("span", { className: "count" }, score === undefined ? String(one.count) : percent(score)));
  made.dataset.name = one.name;
  made.addEventListener("click", () => choose(one.name));
  return made;
}

/** Start the field; `onChoose(label)` is called for a class that a person chooses. */
export function startClasses(onChoose) {
  choose = (label) => { $("class-name").value = ""; paint(); $("class-name").blur(); onChoose(label); };
  $("class-name").addEventListener("input", paint);
  $("class-name").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $("class-name").value = "";
    $("class-name").blur();
    paint();
  });
  $("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = typed();
    if (text) choose(matching(text)[0]?.name ?? text);
  });
}
