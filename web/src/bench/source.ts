// Where the player's bytes come from: the file of the asset, or the proxy. The bench asks for the proxy of a film that the browser does not play.
import { computed, effect, signal } from "@preact/signals";
import { failure, proxies, rest, until } from "../api";
import { Playable, ProxyState, type Original, type Proxy } from "../generated/cinedex/v1/proxy_pb";
import { film, type Film } from "./film";

export type Source = {
  url: string;
  /** The start of frame 0 on the player's clock, in flicks. */
  late: bigint;
  proxy: boolean;
};

/** How the film is played: by the file; by the proxy; not at all, because the browser does not play the file and no proxy is there. */
export const way = signal<"file" | "proxy" | "none">("file");

export const source = computed<Source>(() => {
  const f = film.value;
  if (!f || way.value === "none") return { url: "", late: 0n, proxy: false };
  if (way.value === "proxy") return { url: `/media/${encodeURIComponent(f.asset.id)}/proxy`, late: 0n, proxy: true };
  return { url: `/media/${encodeURIComponent(f.asset.id)}`, late: f.asset.video?.start ?? 0n, proxy: false };
});

/** The browser shows another frame than the frame that was sought, and no proxy takes the place of the file. */
export const wrongFrame = signal(false);

/** Making is how far the proxy is. */
export type Making = {
  step: "asking" | "waiting" | "making" | "full" | "denied" | "failed";
  /** The encoded share of the frames, from 0 to 1. */
  done: number;
  /** The server's own words, of a failure. */
  text: string;
  /** The role that may ask for a proxy. */
  role: string;
};
const failedWith = (text: string): Making => ({ step: "failed", done: 0, text, role: "" });
/** Null where the bench wants no proxy. */
export const making = signal<Making | null>(null);

/** The browser failed to play the file. */
const broken = signal(false);
/** How often the person asked again after a failure. */
const retries = signal(0);

/** unplayable is told that the browser cannot play the source. */
export function unplayable(): void {
  if (!film.peek()) return;
  if (way.peek() === "proxy") making.value = failedWith("");
  way.value = "none";
  broken.value = true;
}

/** retry asks again for a proxy that could not be made. */
export const retry = (): void => void (retries.value = retries.peek() + 1);

/** fresh forgets what was found out about the film before. */
export function fresh(): void {
  way.value = "file";
  wrongFrame.value = broken.value = false;
  making.value = null;
}

/** inexact is told that the browser shows another frame than the frame that was sought. A proxy takes the place of the file. */
export async function inexact(): Promise<void> {
  const f = film.peek();
  if (!f || wrongFrame.peek()) return;
  wrongFrame.value = true;
  const there = way.peek() === "file" && (await proxies.getProxy({ asset: f.asset.id }).then((a) => a.proxy?.state === ProxyState.READY, () => false));
  if (there && film.peek() === f) {
    way.value = "proxy";
    wrongFrame.value = false;
  }
}

/** plays reports whether this browser plays the file, as far as the table of the server and the browser say. */
function plays(o: Original | undefined): boolean {
  if (o?.playable === Playable.ASK) return document.createElement("video").canPlayType(o.type) !== "";
  return o?.playable !== Playable.NO;
}

/** begin finds a source for each film that comes onto the bench. The end of the bench ends the search. */
export function begin(): () => void {
  let running = new AbortController();
  let tried = retries.peek();
  const stop = effect(() => {
    const f = film.value;
    const failed = broken.value;
    const again = retries.value > tried;
    tried = retries.value;
    running.abort();
    running = new AbortController();
    if (f?.asset.video) void provide(f, failed, again, running.signal);
  });
  return () => {
    stop();
    running.abort();
  };
}

/** Milliseconds between two looks at a proxy that is being made, and at a proxy that somebody else may ask for. */
const lookEvery = 1000;
const lookForOthers = 5000;

/** provide follows the proxy of a film until the proxy is ready, or the person must decide. again: a failed proxy is asked for again. */
async function provide(f: Film, failed: boolean, again: boolean, abort: AbortSignal): Promise<void> {
  const look = async (): Promise<Proxy> => (await until(() => proxies.getProxy({ asset: f.asset.id }, { signal: abort }), abort)).proxy!;
  const told = (step: Making["step"], p: Proxy, text = "") => {
    if (!abort.aborted) making.value = { step, done: p.frames > 0n ? Number(p.done) / Number(p.frames) : 0, text, role: p.role };
  };
  let denied = false;
  try {
    let p = await look();
    if (!failed && plays(p.original)) return;
    for (; !abort.aborted; p = await look()) {
      if (p.state === ProxyState.NOT_NEEDED) return; // every current browser plays the file, and this browser does not
      if (p.state === ProxyState.READY) {
        making.value = null;
        wrongFrame.value = false;
        way.value = "proxy";
        return;
      }
      if (p.state === ProxyState.FAILED && !again) return told("failed", p, p.reason);
      if ((p.state === ProxyState.NONE && !denied) || p.state === ProxyState.FAILED) {
        again = false;
        if (!making.peek()) told("asking", p);
        try {
          p = (await until(() => proxies.requestProxy({ asset: f.asset.id }, { signal: abort }), abort)).proxy!;
        } catch (e) {
          const why = failure(e);
          denied = why.kind === "denied";
          if (why.kind !== "denied" && why.kind !== "exhausted") throw e;
          told(denied ? "denied" : "full", p, why.text);
          await rest(Math.max(lookForOthers, why.retryAfter), abort);
          continue;
        }
      }
      if (p.state === ProxyState.WAITING) told("waiting", p);
      else if (p.state === ProxyState.RUNNING) told("making", p);
      await rest(denied && p.state === ProxyState.NONE ? lookForOthers : lookEvery, abort);
    }
  } catch (e) {
    if (!abort.aborted) making.value = failedWith(failure(e).text);
  }
}
