import {
  createUserWithEmailAndPassword,
  onAuthStateChanged,
  signInWithEmailAndPassword,
  signOut,
  updateProfile,
} from "@firebase/auth";

import { announce, byId } from "./dom.js";
import { avatar, initials } from "./format.js";
import { clearNotices, reporting, reportingIn } from "./notices.js";

const DEMO_NAMES = ["Cleo", "Dara", "Emil", "Flora", "Gus", "Hana", "Ivo", "Juno", "Kit", "Lena"];
/** Of Ada and Basil, whom the local stack signs up: infra/local/seed.py. */
const DEMO_PASSWORD = "only-on-loopback";
const COPIED_MS = 1_500;

/**
 * The forms by which one becomes a user, and what is shown about the one who is.
 *
 * @param {import("@firebase/auth").Auth} auth
 * @param {(user: import("@firebase/auth").User | null) => void} changed  On each sign-in and sign-out
 */
export function watchAccount(auth, changed) {
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    const { email, password } = Object.fromEntries(new FormData(event.target));
    const enter = event.submitter?.value === "up" ? createUserWithEmailAndPassword : signInWithEmailAndPassword;
    submit(event.target, () => enter(auth, email, password));
  });
  for (const button of document.querySelectorAll("[data-demo]")) {
    button.addEventListener("click", () => oneAtATime(button, () => demoUser(auth, button.dataset.demo)));
  }
  byId("sign-out").addEventListener("click", () => reporting(() => signOut(auth)));
  for (const button of document.querySelectorAll(".copy-id")) {
    button.addEventListener("click", () => reporting(() => copyId(auth, button)));
  }
  onAuthStateChanged(auth, (user) => {
    clearNotices();
    show(user);
    changed(user);
  });
}

/** The name that goes with the user's messages. @param {import("@firebase/auth").User} user */
export function nameOf(user) {
  if (user.displayName) return user.displayName;
  const [first = "", ...rest] = user.email?.split("@")[0] ?? "";
  return first.toUpperCase() + rest.join("");
}

/** @param {HTMLFormElement} form @param {() => Promise<unknown>} action */
async function submit(form, action) {
  form.inert = true;
  await reportingIn(byId("sign-in-refusal"), async () => {
    await action();
    form.reset();
  });
  form.inert = false;
}

/** Twice pressed, a button acts once. @param {HTMLButtonElement} button @param {() => Promise<unknown>} action */
async function oneAtATime(button, action) {
  button.disabled = true;
  await reportingIn(byId("sign-in-refusal"), action);
  button.disabled = false;
}

/** Become one of the two who share a conversation, or somebody new. @param {import("@firebase/auth").Auth} auth @param {string} named */
async function demoUser(auth, named) {
  if (named) return await signInWithEmailAndPassword(auth, `${named}@demo.example`, DEMO_PASSWORD);
  const name = DEMO_NAMES[Math.floor(Math.random() * DEMO_NAMES.length)];
  const unique = crypto.randomUUID();
  const email = `${name.toLowerCase()}-${unique.slice(0, 8)}@demo.example`;
  const { user } = await createUserWithEmailAndPassword(auth, email, unique);
  await updateProfile(user, { displayName: name });
  show(user);
}

async function copyId(auth, button) {
  await navigator.clipboard.writeText(auth.currentUser.uid);
  const label = button.textContent;
  button.textContent = "Copied";
  announce("Your user ID is copied.");
  setTimeout(() => (button.textContent = label), COPIED_MS);
}

/** @param {import("@firebase/auth").User | null} user */
function show(user) {
  const name = user ? nameOf(user) : "";
  byId("account-name").textContent = name;
  byId("account-email").textContent = user?.email ?? "";
  byId("account-avatar").replaceChildren(...(user ? [avatar(user.uid, initials(name))] : []));
  byId("user-id").textContent = user?.uid ?? "";
}
