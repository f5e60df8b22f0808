import { signal, type Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { failure } from "../api";

/** A Live is an answer that is read again and again while the page shows the answer. */
export type Live<T> = { value: Signal<T | null>; problem: Signal<string>; again: () => void };

/** useLive reads every few seconds. The last answer stays while the server is away. */
export function useLive<T>(of: Live<T>): void {
  useEffect(() => {
    of.again();
    const timer = setInterval(of.again, 3000);
    return () => clearInterval(timer);
  }, []);
}

export function live<T>(read: () => Promise<T>): Live<T> {
  const value = signal<T | null>(null);
  const problem = signal("");
  let reading = false;
  const again = () => {
    if (reading) return;
    reading = true;
    read().then((v) => {
      value.value = v;
      problem.value = "";
    }, (e: unknown) => {
      const f = failure(e);
      problem.value = f.away ? "" : f.text;
    }).finally(() => (reading = false));
  };
  return { value, problem, again };
}
