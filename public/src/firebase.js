import { initializeApp } from "@firebase/app";
import {
  browserSessionPersistence,
  connectAuthEmulator,
  indexedDBLocalPersistence,
  initializeAuth,
} from "@firebase/auth";

import { isLoopback, localOverride } from "./loopback.js";

const LOCAL_CONFIG = { projectId: "demo-confab", apiKey: "demo" };
const LOCAL_AUTH = "http://127.0.0.1:9099";

/**
 * Firebase Auth as this page's host configures it; on loopback, against the Auth emulator.
 *
 * On loopback a sign-in lasts as long as its tab and is the tab's own, so that two tabs can be two
 * users.
 *
 * @param {Location} page
 */
export async function connectAuth(page) {
  const local = isLoopback(page.hostname);
  const config = await readConfig(local);
  if (!local) return initializeAuth(initializeApp(config), { persistence: indexedDBLocalPersistence });
  const url = await emulatorUrl(page);
  const auth = initializeAuth(initializeApp(config), { persistence: browserSessionPersistence });
  // In the same turn: a user from before a reload is looked up at once, and not at Google.
  connectAuthEmulator(auth, url, { disableWarnings: true });
  return auth;
}

/** @param {boolean} local */
async function readConfig(local) {
  const response = await fetch("/__/firebase/init.json");
  const config = response.ok ? await response.text() : "";
  if (config) return JSON.parse(config);
  if (local) return LOCAL_CONFIG;
  throw new Error("Firebase Hosting gives no configuration (/__/firebase/init.json).");
}

/**
 * Where the Auth emulator is: as the page's `auth` parameter says, else as the Hosting emulator says
 * in the script that it makes for pages, else at its usual address.
 *
 * @param {Location} page
 */
async function emulatorUrl(page) {
  const given = localOverride(page, "auth");
  if (given) return given;
  const response = await fetch("/__/firebase/init.js?useEmulator=true");
  const script = response.ok ? await response.text() : "";
  return authEmulatorIn(script) ?? LOCAL_AUTH;
}

/**
 * The Auth emulator's address in the Hosting emulator's `init.js`, or null.
 *
 * @param {string} script
 */
function authEmulatorIn(script) {
  const emulators = /var firebaseEmulators = (\{[\s\S]*?\});/.exec(script);
  const auth = emulators && JSON.parse(emulators[1]).auth;
  return auth ? `http://${auth.hostAndPort}` : null;
}
