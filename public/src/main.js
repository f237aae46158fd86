import { Confab } from "@confab/client";
import { nameOf, watchAccount } from "./account.js";
import { Chat } from "./chat.js";
import { prepareChat } from "./controls.js";
import { prepareCreate } from "./create.js";
import { byId } from "./dom.js";
import { connectAuth } from "./firebase.js";
import { readNewest } from "./history.js";
import { isLoopback, localOverride, otherInstancePage } from "./loopback.js";
import { prepareMembers } from "./members.js";
import { clearNotices, reporting } from "./notices.js";
import { Names } from "./names.js";
import { Sidebar } from "./sidebar.js";

/** The page of one signed-in user; replaced as a whole when another signs in. */
class Desk {
  #user;
  #sidebar;
  #names = new Names();
  /** @type {Chat | null} */
  chat = null;
  closed = false;

  /** @param {import("@firebase/auth").User} user */
  constructor(user) {
    this.#user = user;
    const getToken = (force) => user.getIdToken(force);
    this.confab = new Confab({ getToken, realtimeUrl: localOverride(location, "realtime") });
    this.#sidebar = new Sidebar(this.confab, user.uid, this.#names);
  }

  async refresh() {
    await this.#sidebar.refresh();
    this.#offerSecondTab(this.#sidebar.realtimeUrls[0]);
  }

  async more() {
    await this.#sidebar.more();
  }

  /** Open the conversation that the address names, or none. */
  async openNamed() {
    const id = decodeURIComponent(location.hash.slice(1));
    clearNotices();
    this.#leave();
    document.body.dataset.view = id ? "thread" : "list";
    this.#sidebar.select(null);
    if (!id) return;
    const page = await readNewest(this.confab, id);
    if (this.closed || id !== decodeURIComponent(location.hash.slice(1))) return;
    this.#leave();
    this.#offerSecondTab(page.conversation.realtimeUrl);
    const user = { uid: this.#user.uid, name: nameOf(this.#user) };
    this.chat = new Chat(this.confab, user, this.#names, page, this.#sidebar);
    this.#sidebar.select(page.conversation); // with the names that its messages claim
    await this.chat.follow();
  }

  close() {
    this.closed = true;
    this.#sidebar.close();
    this.#leave();
  }

  #leave() {
    this.chat?.close();
    this.chat = null;
  }

  /** @param {string | undefined} servedBy */
  #offerSecondTab(servedBy) {
    const current = localOverride(location, "realtime") ?? servedBy;
    const link = current ? otherInstancePage(location, current, this.#sidebar.realtimeUrls) : null;
    byId("second-tab").hidden = link === null;
    if (link) byId("second-tab").querySelector("a").href = link;
  }
}

/** @type {Desk | null} */
let desk = null;

/** @param {import("@firebase/auth").User | null} user */
async function signedIn(user) {
  desk?.close();
  desk = user && new Desk(user);
  document.body.dataset.view = user ? "list" : "welcome";
  if (desk) await Promise.all([reporting(() => desk.refresh()), reporting(() => desk.openNamed())]);
}

document.body.classList.toggle("local", isLoopback(location.hostname));
prepareChat(() => desk?.chat ?? null);
prepareMembers(() => desk?.chat ?? null);
prepareCreate(
  () => desk.confab,
  ({ id }) => (location.hash = id),
);
byId("refresh").addEventListener("click", () => reporting(() => desk.refresh()));
byId("more-conversations").addEventListener("click", () => reporting(() => desk.more()));
byId("conversations").addEventListener("click", ({ target }) => {
  const again = target.closest("a")?.hash === location.hash; // which changes nothing, so nobody is told
  if (again && desk.chat?.over) reporting(() => desk.openNamed());
});
byId("back").addEventListener("click", () => (location.hash = ""));
addEventListener("hashchange", () => reporting(async () => await desk?.openNamed()));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") reporting(async () => await desk?.refresh());
});
reporting(async () => watchAccount(await connectAuth(location), signedIn));
