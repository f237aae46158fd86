import { Confab } from "@confab/client";
import { onAuthStateChanged, signInAnonymously } from "firebase/auth";
import { showConversation } from "./chat.js";
import { confabOptions } from "./confab.js";
import { auth } from "./firebase.js";

const at = (id) => document.getElementById(id);
let confab = null;
let leave = () => {};

onAuthStateChanged(auth, (user) => {
  leave();
  confab?.close();
  confab = user && new Confab(confabOptions(user));
  at("sign-in").hidden = user !== null;
  at("app").hidden = user === null;
  at("me").textContent = user?.uid ?? "";
  open();
});

at("sign-in").onclick = () => signInAnonymously(auth);
at("start").onsubmit = async (event) => {
  event.preventDefault();
  const { id } = await confab.create({ type: "chat", members: [{ userId: at("other").value.trim() }] });
  location.hash = id;
};
addEventListener("hashchange", open);
setInterval(list, 20_000);

/** Shows the conversation that the address names. */
function open() {
  leave();
  const id = location.hash.slice(1);
  at("chat").hidden = !confab || !id;
  leave = at("chat").hidden ? () => {} : showConversation(confab, id);
  list();
}

async function list() {
  if (!confab || document.hidden) return;
  try {
    const { conversations } = await confab.list();
    at("conversations").replaceChildren(...conversations.map(row));
  } catch (error) {
    console.warn(error.message); // it is read again in 20 s
  }
}

function row({ id, title, createdAt }) {
  const element = document.createElement("li");
  element.append(Object.assign(document.createElement("a"), { href: `#${id}`, textContent: title ?? createdAt }));
  return element;
}
