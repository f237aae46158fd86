import { ConfabError } from "@confab/client";
import { byId, el } from "./dom.js";

const MOST = 3;

/** An error as a sentence, with the id that finds it in the server's log. @param {any} error */
export function inWords(error) {
  if (!(error instanceof ConfabError)) return SIGN_IN_ERRORS[error.code] ?? error.message;
  const { title, detail, errors, requestId } = error.problem;
  const fields = errors?.map(({ path, message }) => (path ? `${path} ${message}` : message)).join("; ");
  const why = fields || detail;
  return `${title}${why ? `: ${why}` : ""}${requestId ? ` (request ${requestId})` : ""}`;
}

/** Show an error until it is dismissed. @param {any} error */
export function showError(error) {
  const dismiss = el("button", { type: "button", className: "quiet", "aria-label": "Dismiss" }, "✕");
  const notice = el("p", { className: "notice" }, el("span", {}, inWords(error)), dismiss);
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

/** Take the notices away: the user has moved on. */
export function clearNotices() {
  byId("notices").replaceChildren();
}

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
