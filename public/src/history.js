const PAGE = 50;

/**
 * A conversation and the newest entries of its log.
 *
 * @param {import("@confab/client").Confab} confab
 * @param {string} id
 */
export async function readNewest(confab, id) {
  const { conversation } = await confab.get(id, { limit: 1 });
  return { conversation, entries: await readBelow(confab, id, conversation.seq + 1) };
}

/**
 * Entries numbered below `end`, ascending: at least one message, or all that there are.
 *
 * @param {import("@confab/client").Confab} confab
 * @param {string} id
 * @param {number} end
 */
export async function readBelow(confab, id, end) {
  const entries = [];
  for (let last = end; last > 1 && !entries.some(({ kind }) => kind === "message"); last = entries[0].seq) {
    const page = [];
    for (let after = Math.max(0, last - 1 - PAGE); after < last - 1; after = page.at(-1).seq) {
      page.push(...(await confab.readLog(id, { after, limit: last - 1 - after })).entries);
    }
    entries.unshift(...page);
  }
  return entries;
}
