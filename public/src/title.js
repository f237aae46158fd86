import { listed } from "./format.js";

/** @typedef {import("@confab/client").Conversation} Conversation */

/** @param {Conversation} conversation */
export function titleOf({ title, id }) {
  return title || `Untitled ${id.slice(0, 6)}`;
}

/** Everyone in it but this user. @param {Conversation} conversation @param {string} uid */
export function others({ owner, members }, uid) {
  return [owner, ...members.map(({ userId }) => userId)].filter((one) => one !== uid);
}

/**
 * Who is in it, in nodes.
 *
 * @param {Conversation} conversation
 * @param {string} uid  Who reads it
 * @param {import("./names.js").Names} names
 */
export function people(conversation, uid, names) {
  const company = others(conversation, uid);
  return company.length ? ["with ", ...listed(company.map((one) => names.shown(one)))] : ["only you"];
}
