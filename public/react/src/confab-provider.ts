import { Confab, type ConfabOptions } from "@confab/client";
import { createContext, createElement, type ReactElement, type ReactNode, useContext, useEffect, useRef, useState } from "react";

/** The client below it; for an app that makes its own. Null while nobody is signed in. */
export const ConfabContext = createContext<Confab | null | undefined>(undefined);

export interface ConfabProviderProps extends ConfabOptions {
  /** The uid of the user who is signed in; null for nobody. */
  userId: string | null;
  children?: ReactNode;
}

/**
 * Makes a client for the user and closes it afterwards: there is one for each `userId` and address.
 * Other options may change at any time; functions are called as they were last given.
 */
export function ConfabProvider({ children, ...options }: ConfabProviderProps): ReactElement {
  const { userId, baseUrl, realtimeUrl } = options;
  const [confab, setConfab] = useState<Confab | null>(null);
  const latest = useRef(options);
  useEffect(() => void (latest.current = options));
  useEffect(() => {
    if (userId === null) return;
    let over = false;
    const made = new Confab({
      ...latest.current,
      getToken: async (force) => (over ? null : await latest.current.getToken(force)), // never another user's
      getAppCheckToken: async (force) => await latest.current.getAppCheckToken?.(force),
      onProblem: (error) => latest.current.onProblem?.(error),
    });
    setConfab(made);
    return () => {
      over = true;
      made.close();
      setConfab(null);
    };
  }, [userId, baseUrl, realtimeUrl]);
  return createElement(ConfabContext.Provider, { value: confab?.userId === userId ? confab : null }, children);
}

/** The user's client; null while nobody is signed in, on the server, and until the first effects have run. */
export function useConfab(): Confab | null {
  const confab = useContext(ConfabContext);
  if (confab === undefined) throw new Error("Confab's hooks need a <ConfabProvider> above them.");
  return confab;
}
