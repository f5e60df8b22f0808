// The library as a stream: the films of a window, and how far each algorithm is with each. What is shown stays while the server is away.
import { signal } from "@preact/signals";
import { failure, library, renewed, rest, serverAway, type Failure } from "../api";
import type { LibraryEntry } from "../generated/cinedex/v1/library_pb";

/** The films of the window, in order; null until the first message. */
export const films = signal<LibraryEntry[] | null>(null);
/** More films are behind the window. */
export const moreFilms = signal(false);
/** Why the stream ended, where trying again is of no use. */
export const streamEnded = signal<Failure | null>(null);

/** How many films a window has. */
const windowOf = 100;
/** The last films of the windows before. */
const behind = signal<string[]>([]);
export const windowNumber = () => behind.value.length;

let held = new Map<string, LibraryEntry>();
let order: string[] = [];
let running: AbortController | null = null;

function show(): void {
  films.value = order.map((id) => held.get(id)).filter((e): e is LibraryEntry => e !== undefined);
}

async function follow(abort: AbortSignal): Promise<void> {
  for (let pause = 500; !abort.aborted; pause = Math.min(pause * 2, 15_000)) {
    try {
      const known = Object.fromEntries([...held].map(([id, e]) => [id, e.stamp]));
      for await (const m of library.watchLibrary({ limit: windowOf, behind: behind.value.at(-1) ?? "", known }, { signal: abort })) {
        pause = 250;
        serverAway.value = false;
        for (const e of m.entries) held.set(e.asset, e);
        if (m.order.length) {
          order = m.order;
          moreFilms.value = m.more;
          held = new Map([...held].filter(([id]) => order.includes(id)));
        }
        if (m.entries.length || m.order.length || films.value === null) show();
        streamEnded.value = null;
      }
    } catch (e) {
      if (abort.aborted) return;
      const f = failure(e);
      if (f.kind === "unauthenticated" && (await renewed())) continue;
      if (!f.away && f.kind !== "unavailable" && f.kind !== "exhausted" && f.kind !== "cancelled" && f.kind !== "unauthenticated") {
        streamEnded.value = f;
        return;
      }
    }
    await rest(pause, abort).catch(() => undefined);
  }
}

/** watch follows the library until the returned function is called. */
export function watch(): () => void {
  const mine = (running = new AbortController());
  void follow(mine.signal);
  return () => mine.abort();
}

/** turn shows the window behind the last film, or the window before. */
export function turn(forward: boolean): void {
  const last = order.at(-1);
  if (forward && last) behind.value = [...behind.value, last];
  if (!forward) behind.value = behind.value.slice(0, -1);
  running?.abort();
  held = new Map();
  order = [];
  films.value = null;
  running = new AbortController();
  void follow(running.signal);
}
