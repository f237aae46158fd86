import { ConfabProvider } from "@confab/react";
import { onAuthStateChanged, signInAnonymously } from "firebase/auth";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { Chat } from "./chat.jsx";
import { confabOptions } from "./confab.js";
import { Conversations } from "./conversations.jsx";
import { auth } from "./firebase.js";

function App() {
  const [user, setUser] = useState(auth.currentUser);
  const [id, setId] = useState(location.hash.slice(1));
  useEffect(() => onAuthStateChanged(auth, setUser), []);
  useEffect(() => {
    const read = () => setId(location.hash.slice(1));
    addEventListener("hashchange", read);
    return () => removeEventListener("hashchange", read);
  }, []);
  if (!user) return <button onClick={() => signInAnonymously(auth)}>Sign in</button>;
  return (
    <ConfabProvider {...confabOptions(user)}>
      <p>
        You are <code>{user.uid}</code>
      </p>
      <Conversations />
      {id && <Chat id={id} me={user.uid} />}
    </ConfabProvider>
  );
}

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
