import assert from "node:assert/strict";
import { test } from "node:test";

import { Window } from "happy-dom";

const window = new Window();
Object.assign(globalThis, { window, document: window.document });
document.body.innerHTML = '<div id="message-menu"></div>';
const { MessageItem } = await import("../../../public/src/message.js"); // what it imports looks for a document
const { Names } = await import("../../../public/src/names.js");

const ME = "me-0000000000";
const ADA = "ada-111111111";
const EVE = "eve-222222222";
const message = (author, role, name, fields = {}) => ({
  kind: "message", seq: 1, version: 1, author, role, content: "words", metadata: name === undefined ? {} : { name },
  createdAt: "2026-01-02T03:04:05.678Z", editedAt: null, deletedAt: null, ...fields,
});

function knowing(...messages) {
  const names = new Names(ME, "Mia");
  names.learn(messages);
  return names;
}

const id = (shown) => shown.querySelector(".claimed");
const by = (one, names) => new MessageItem(one, ME, names, () => undefined).element.querySelector(".by");

test("whoever claims a name is shown with the id, which nobody can claim", () => {
  const claims = ["Ada", "Mia", "You", "System", "A former user", ADA.slice(0, 6) + "…"];
  for (const name of claims) {
    const shown = knowing(message(EVE, "user", name)).shown(EVE);
    assert.equal(id(shown)?.textContent, EVE.slice(0, 6) + "…", name);
    assert.equal(id(shown).title, EVE);
    assert.equal(id(shown).classList.contains("dev"), false, "not for developers alone");
  }
  assert.equal(knowing(message(EVE, "user", "Ada")).avatar(EVE).title, EVE);
});

test("an own name and an id alone need no id beside them", () => {
  assert.equal(id(knowing().shown(ME)), null);
  assert.equal(id(knowing().shown(EVE)), null);
  assert.equal(knowing().shown(EVE).title, EVE);
});

test("a name stays on its line and keeps its direction to itself", () => {
  const shown = knowing(message(EVE, "user", "  Eve\u202e\n\tis\u2029 typing\u0007 ")).shown(EVE);
  const isolated = shown.querySelector("bdi");
  assert.equal(isolated.textContent, "Eve\u202e is typing");
  assert.equal(id(shown).dir, "auto");
});

test("a message as System or Assistant says who wrote it", () => {
  const names = knowing(message(EVE, "user", "Ada"));
  for (const [role, title] of [["system", "System"], ["assistant", "Assistant"]]) {
    const shown = by(message(EVE, role), names);
    assert.equal(shown.textContent, `${title} by Ada ${EVE.slice(0, 6)}…`);
    assert.equal(id(shown).title, EVE);
    assert.equal(by(message(ME, role), names).textContent, `${title} by you`);
  }
  assert.equal(by(message(ME, "user"), names).textContent, "You");
});
