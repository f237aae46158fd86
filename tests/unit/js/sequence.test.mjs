import assert from "node:assert/strict";
import { test } from "node:test";

import { Sequence } from "../../../public/client/dist/sequence.js";

const entries = (...numbers) => numbers.map((seq) => ({ seq }));
const numbers = (given) => given.map(({ seq }) => seq);
const offerAll = (sequence, offered) => offered.flatMap((entry) => numbers(sequence.offer(entry)));

test("every entry comes out once and in order, whatever is repeated and however it is shuffled", () => {
  for (let round = 0; round < 200; round += 1) {
    const log = entries(...Array.from({ length: 30 }, (_, index) => index + 1));
    const arrivals = [...log, ...log, ...log.slice(0, round % 30)]
      .map((entry) => ({ entry, at: Math.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ entry }) => entry);
    const sequence = new Sequence(0);
    assert.deepEqual(offerAll(sequence, arrivals), numbers(log));
    assert.equal(sequence.gap, false);
    assert.equal(sequence.last, 30);
  }
});

test("a hole is known until it is filled", () => {
  const sequence = new Sequence(4);
  assert.deepEqual(offerAll(sequence, entries(7, 6)), []);
  assert.equal(sequence.gap, true);
  assert.deepEqual(offerAll(sequence, entries(5)), [5, 6, 7]);
  assert.equal(sequence.gap, false);
});

test("nothing comes out before the start is known, and the start is set once", () => {
  const sequence = new Sequence();
  assert.deepEqual(offerAll(sequence, entries(1, 2)), []);
  sequence.begin(7);
  sequence.begin(0);
  assert.deepEqual(offerAll(sequence, entries(7, 8)), [8]);
});

test("what waits for a hole is bounded, and the hole can still be filled", () => {
  const sequence = new Sequence(0);
  offerAll(sequence, entries(...Array.from({ length: 2_000 }, (_, index) => index + 2)));
  const out = numbers(sequence.offer({ seq: 1 }));
  assert.equal(out.length, 501);
  assert.equal(sequence.gap, false);
  assert.deepEqual(offerAll(sequence, entries(502, 503)), [502, 503]);
});
