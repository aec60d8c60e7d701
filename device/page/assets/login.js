// The form that asks for the token, and the token in the address.

import { call, whenLoginNeeded } from "./api.js";
import { $ } from "./dom.js";

let connected = () => {};
let refused = () => {};

/** Show the form in place of the page. */
function askForToken() {
  refused();
  $("page").hidden = true;
  $("login").hidden = false;
  $("token").focus();
}

async function login(token) {
  $("login-error").textContent = "";
  try {
    await call("POST", "/login", { token });
  } catch (problem) {
    askForToken();
    $("login-error").textContent = problem.message;
    return;
  }
  $("token").value = "";
  connected();
}

/** Log in with the token in the address, or connect without; onRefused is called before the form is shown. */
export function startLogin(onConnected, onRefused) {
  connected = onConnected;
  refused = onRefused;
  whenLoginNeeded(askForToken);
  $("login").addEventListener("submit", (event) => { event.preventDefault(); login($("token").value.trim()); });
  const token = new URLSearchParams(location.hash.slice(1)).get("token"); // the part after # is never sent to a server
  if (!token) { connected(); return; }
  history.replaceState(null, "", location.pathname);
  login(token);
}
