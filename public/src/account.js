import {
  createUserWithEmailAndPassword,
  onAuthStateChanged,
  signInWithEmailAndPassword,
  signOut,
  updateProfile,
} from "@firebase/auth";

import { byId } from "./dom.js";
import { clearNotices, reporting } from "./notices.js";

const DEMO_NAMES = ["Ada", "Basil", "Cleo", "Dara", "Emil", "Flora", "Gus", "Hana", "Ivo", "Juno", "Kit", "Lena"];

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
    const up = event.submitter?.value === "up";
    submit(event.target, () => (up ? signUp(auth, email, password) : signIn(auth, email, password)));
  });
  byId("demo-user").addEventListener("click", ({ target }) => oneAtATime(target, () => demoUser(auth)));
  byId("sign-out").addEventListener("click", () => reporting(() => signOut(auth)));
  byId("copy-id").addEventListener("click", ({ target }) => reporting(() => copyId(auth, target)));
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
  clearNotices();
  form.inert = true;
  await reporting(async () => {
    await action();
    form.reset();
  });
  form.inert = false;
}

/** Twice pressed, a button acts once. @param {HTMLButtonElement} button @param {() => Promise<unknown>} action */
async function oneAtATime(button, action) {
  button.disabled = true;
  await reporting(action);
  button.disabled = false;
}

async function signIn(auth, email, password) {
  await signInWithEmailAndPassword(auth, email, password);
}

async function signUp(auth, email, password) {
  await createUserWithEmailAndPassword(auth, email, password);
}

async function demoUser(auth) {
  const name = DEMO_NAMES[Math.floor(Math.random() * DEMO_NAMES.length)];
  const unique = crypto.randomUUID();
  const email = `${name.toLowerCase()}-${unique.slice(0, 8)}@demo.example`;
  const { user } = await createUserWithEmailAndPassword(auth, email, unique);
  await updateProfile(user, { displayName: name });
  show(user);
}

async function copyId(auth, button) {
  await navigator.clipboard.writeText(auth.currentUser.uid);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1_500);
}

/** @param {import("@firebase/auth").User | null} user */
function show(user) {
  byId("account-name").textContent = user ? nameOf(user) : "";
  byId("user-id").textContent = user?.uid ?? "";
}
