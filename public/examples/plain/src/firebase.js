import { initializeApp } from "firebase/app";
import { connectAuthEmulator, getAuth } from "firebase/auth";

export const local = ["127.0.0.1", "localhost"].includes(location.hostname);
export const auth = getAuth(initializeApp({ projectId: "demo-my-app", apiKey: "demo" }));
if (local) connectAuthEmulator(auth, "http://127.0.0.1:9099", { disableWarnings: true });
