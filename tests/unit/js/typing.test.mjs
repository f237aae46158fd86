import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Typists, TypingNotifier } from "../../../public/client/dist/typing.js";

function timers(t) {
  let now = 1_000_000;
  mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(performance, "now", () => now);
  t.after(() => mock.timers.reset());
  return (ms) => {
    for (const end = now + ms; now < end; mock.timers.tick(100)) now += 100;
  };
}

test("typing is told at most once in 2 s, and its end after 3 s without a key", (t) => {
  const tick = timers(t);
  const told = [];
  const notifier = new TypingNotifier((typing) => told.push(typing));
  for (let key = 0; key < 50; key += 1) {
    notifier.keystroke();
    tick(100);
  }
  assert.deepEqual(told, [true, true, true]);
  tick(3_000);
  assert.deepEqual(told, [true, true, true, false]);
});

test("sending ends it at once; typing again right after is told when the 2 s are over", (t) => {
  const tick = timers(t);
  const told = [];
  const notifier = new TypingNotifier((typing) => told.push(typing));
  notifier.keystroke();
  notifier.stop();
  notifier.stop();
  notifier.keystroke();
  assert.deepEqual(told, [true, false]);
  tick(2_000);
  assert.deepEqual(told, [true, false, true]);
});

test("a clock that is set back does not silence typing", (t) => {
  const tick = timers(t);
  const told = [];
  const notifier = new TypingNotifier((typing) => told.push(typing));
  t.mock.method(Date, "now", () => 7_200_000);
  notifier.keystroke();
  t.mock.method(Date, "now", () => 3_600_000);
  tick(2_500);
  notifier.keystroke();
  assert.deepEqual(told, [true, true]);
});

test("nothing is told of a text that was sent before its typing was due", (t) => {
  const tick = timers(t);
  const told = [];
  const notifier = new TypingNotifier((typing) => told.push(typing));
  notifier.keystroke();
  notifier.stop();
  notifier.keystroke();
  notifier.stop();
  tick(10_000);
  assert.deepEqual(told, [true, false]);
});

test("somebody whose end of typing got lost is forgotten after 6 s", (t) => {
  const tick = timers(t);
  const seen = [];
  const typists = new Typists((userIds) => seen.push(userIds));
  typists.set("ada", true);
  typists.set("bo", true);
  tick(4_000);
  typists.set("ada", true);
  tick(2_000);
  assert.deepEqual(seen, [["ada"], ["ada", "bo"], ["ada"]]);
  typists.set("ada", false);
  typists.set("ada", false);
  typists.clear();
  assert.deepEqual(seen.slice(3), [[]]);
});
