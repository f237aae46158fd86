import { ConfabError } from "../confab.js";
import { byId, el } from "./dom.js";

const MOST = 3;

/** What an error means, in words, with the id that finds it in the server's log. @param {any} error */
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
  "auth/invalid-credential": "The email or the password is wrong.",
  "auth/wrong-password": "The email or the password is wrong.",
  "auth/user-not-found": "There is no user with this email.",
  "auth/invalid-email": "This is not an email address.",
  "auth/email-already-in-use": "This email has signed up already.",
  "auth/weak-password": "The password needs at least 6 characters.",
  "auth/user-disabled": "This user is disabled.",
  "auth/too-many-requests": "Too many attempts. Wait a little.",
  "auth/network-request-failed": "The sign-in service cannot be reached.",
};
