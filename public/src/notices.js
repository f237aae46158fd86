import { ConfabError } from "@confab/client";

import { byId, el } from "./dom.js";

const MOST = 3;

/**
 * An error as sentences that say what to do.
 *
 * @param {any} error  ConfabError, its `problem`, or Firebase Auth's
 */
export function inWords(error) {
  const problem = error instanceof ConfabError ? error.problem : error;
  const known = SIGN_IN_ERRORS[problem.code] ?? WORDS[problem.code];
  if (known) return problem.code === "network" && !navigator.onLine ? OFFLINE : known;
  const fields = problem.errors?.map(({ path, message }) => (path ? `${path} ${message}` : message)).join("; ");
  const why = fields || problem.detail;
  return problem.title && why ? `${problem.title}: ${why}` : (problem.title ?? problem.message);
}

/** An error in words, and below them, for whoever is asked for help, what the server or client said. @param {any} error */
export function explained(error) {
  return [el("span", { className: "words" }, inWords(error)), ...details(error)];
}

/** Why a conversation is not live though it goes on, and what to do. @param {ConfabError} error */
export function aboutConnection(error) {
  const words = !navigator.onLine ? `${OFFLINE} What you write is sent when you're back.` : CONNECTION[error.code];
  return [el("span", { className: "words" }, words ?? `${inWords(error)} ${LATE}`), ...details(error)];
}

/** Show an error until it is dismissed. @param {any} error */
export function showError(error) {
  const dismiss = el("button", { type: "button", className: "quiet", "aria-label": "Dismiss" }, "✕");
  const notice = el("div", { className: "notice" }, el("div", {}, ...explained(error)), dismiss);
  dismiss.addEventListener("click", () => notice.remove());
  const all = byId("notices");
  all.append(notice);
  while (all.children.length > MOST) all.firstElementChild.remove();
}

/** Run an action of the user's; its error is shown. @param {() => Promise<unknown>} action */
export async function reporting(action) {
  try {
    await action();
  } catch (error) {
    showError(error);
  }
}

/** Run an action; its error is shown in this element, in which nothing is shown else. @param {HTMLElement} place @param {() => Promise<unknown>} action */
export async function reportingIn(place, action) {
  place.replaceChildren();
  try {
    await action();
  } catch (error) {
    place.replaceChildren(...explained(error));
  }
}

/** Take the notices away: the user has moved on. */
export function clearNotices() {
  byId("notices").replaceChildren();
}

/** @param {any} error */
function details(error) {
  const { detail, requestId, status, code } = (error instanceof ConfabError ? error.problem : error) ?? {};
  if (!code || SIGN_IN_ERRORS[code]) return [];
  const lines = [detail, `${code}${status ? ` (HTTP ${status})` : ""}${requestId ? `, request ${requestId}` : ""}`];
  return [el("details", {}, el("summary", {}, "Details"), ...lines.filter(Boolean).map((line) => el("p", {}, line)))];
}

const OFFLINE = "You're offline.";
const LATE = "Messages still come and go, a few seconds late.";

const CONNECTION = {
  network: `Live updates can't connect. ${LATE} Check your connection, VPN or ad blocker; if that doesn't help, tell whoever runs this site.`,
  timeout: `Live updates are slow to connect. ${LATE} There is nothing you need to do.`,
  unavailable: `The server is busy. ${LATE} There is nothing you need to do.`,
  rate_limited: `Too many tabs or devices are connected. ${LATE} Close some to get live updates here.`,
};

const WORDS = {
  network: "Can't reach the server. Check your connection and try again.",
  timeout: "The server is taking too long. Try again in a moment.",
  unavailable: "The server is busy. Try again in a moment.",
  internal: "Something went wrong on the server. Try again in a moment.",
  not_found: "There is no such conversation, or you are not a member of it.",
  forbidden: "You aren't allowed to do that here.",
  conversation_finalized: "This conversation is finalized. Nothing can be added to it.",
  signed_out: "You have been signed out. Sign in again.",
  payload_too_large: "This is too long. Shorten it, or send it in parts.",
  busy: "Too many messages are waiting to be sent. Wait until some have gone out.",
  storage: "This browser keeps nothing between visits, so messages that wait to be sent are lost if you close this page.",
};

const SIGN_IN_ERRORS = {
  "auth/invalid-credential": "Wrong email or password.",
  "auth/wrong-password": "Wrong email or password.",
  "auth/user-not-found": "No account has this email.",
  "auth/invalid-email": "Enter a valid email address.",
  "auth/email-already-in-use": "An account with this email already exists.",
  "auth/weak-password": "The password needs at least 6 characters.",
  "auth/user-disabled": "This account is disabled.",
  "auth/too-many-requests": "Too many attempts. Try again later.",
  "auth/network-request-failed": "Can't reach the sign-in service.",
};
