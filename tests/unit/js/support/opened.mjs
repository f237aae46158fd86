import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

import "./clock.mjs"; // before anything keeps a timer of its own
import { Confab } from "@confab/client";

/** Wait until a condition holds. */
export async function until(holds, what, patienceMs = 5_000) {
  for (let tries = 0; tries < patienceMs / 10; tries += 1) {
    if (holds()) return;
    await pause(10);
  }
  assert.fail(`still waiting: ${what ?? holds}`);
}

/** A room that is opened on a server, and what it told. */
export async function opened(
  t,
  server,
  { after = null, erasures, id = "c", until: state = "live", patienceMs, fetch, getToken, getAppCheckToken } = {},
) {
  const told = { entries: [], states: [], typing: [], joined: [], errors: [], trouble: [], tokens: [] };
  const confab = new Confab({
    fetch,
    getAppCheckToken,
    getToken:
      getToken ??
      (async (force) => {
        told.tokens.push(force);
        return force ? "new" : "old";
      }),
  });
  const handlers = {
    onMessage: ({ seq, content }) => told.entries.push([seq, content]),
    onMessageChanged: ({ seq, message }) => told.entries.push([seq, "message_changed", message]),
    onConversationChanged: ({ seq, changes }) => told.entries.push([seq, "conversation_changed", changes]),
    onFinalized: ({ seq }) => told.entries.push([seq, "finalized"]),
    onErased: ({ seqs }) => told.entries.push(["erased", ...seqs]),
    onReset: ({ reason }) => told.entries.push(reason),
    onLeft: ({ reason }) => told.entries.push(["left", reason]),
    onTyping: (userIds) => told.typing.push(userIds),
    onState: (now) => told.states.push(now),
    onJoined: (joined) => told.joined.push(joined),
    onProblem: (error) => told.trouble.push(error && [error.code, error.message]),
    onError: (error) => told.errors.push(error),
  };
  const room = await confab.open(id, handlers, { after, erasures, realtimeUrl: server.url });
  t.after(() => room.close());
  await until(() => room.state === state, `to be ${state}`, patienceMs);
  return { room, told, confab };
}

/** The first entries that `fill` makes, as `told.entries` lists them. */
export const upTo = (last) => Array.from({ length: last }, (_, index) => [index + 1, `m${index + 1}`]);

/** Write messages that say their own number. */
export function fill(server, count, options) {
  for (let done = 0; done < count; done += 1) server.add(`m${server.conversation.seq + 1}`, options);
}
