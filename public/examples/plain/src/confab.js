import { local } from "./firebase.js";

/** What Confab's client needs to know of a user of Firebase Auth. */
export const confabOptions = (user) => ({
  userId: user.uid, // keeps what is unsent on this device, over reloads
  getToken: (force) => user.getIdToken(force),
  baseUrl: local ? "http://127.0.0.1:5100" : "", // deployed, /api is on your own site
  onProblem: (problem) => console.warn(problem?.message ?? "All is well again."),
});
