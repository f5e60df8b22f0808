// The state of the page in its address, so that a link leads a colleague to the same place.
import { signal, effect } from "@preact/signals";
import { lineOf } from "./links";

/** A View is a part of the application. */
export type View = "search" | "bins" | "library" | "operators";
const views: readonly View[] = ["search", "bins", "library", "operators"];

export type Place = {
  view: View;
  /** The query line, with all that narrows the query. */
  q: string;
  /** Grouped by title. */
  byTitle: boolean;
  /** The open bin. */
  bin: string;
  /** The open moment: the asset, and the frame from 0. */
  asset: string;
  frame: bigint;
};

function read(): Place {
  const p = new URLSearchParams(location.search);
  const view = p.get("view") as View;
  const frame = p.get("frame") ?? "";
  return {
    view: views.includes(view) ? view : "search",
    q: lineOf(p),
    byTitle: p.get("group") === "title",
    bin: p.get("bin") ?? "",
    asset: p.get("asset") ?? "",
    frame: /^\d{1,15}$/.test(frame) ? BigInt(frame) : 0n,
  };
}

function written(at: Place): string {
  const p = new URLSearchParams();
  if (at.view !== "search") p.set("view", at.view);
  if (at.q) p.set("q", at.q);
  if (at.byTitle) p.set("group", "title");
  if (at.bin) p.set("bin", at.bin);
  if (at.asset) {
    p.set("asset", at.asset);
    p.set("frame", String(at.frame));
  }
  return location.pathname + (p.size ? `?${p}` : "");
}

/** place is where the page is. Change the place with go. */
export const place = signal<Place>(read());

/** go changes the place. A step is kept in the browser's history; typing and other small changes are not. */
export function go(change: Partial<Place>, step = true): void {
  const next = { ...place.value, ...change };
  const url = written(next);
  if (url !== location.pathname + location.search) history[step ? "pushState" : "replaceState"](null, "", url);
  place.value = next;
}

/** hrefOf is the address of a place, for links. */
export const hrefOf = (change: Partial<Place>): string => written({ ...place.value, ...change });

addEventListener("popstate", () => {
  place.value = read();
});

/** follow calls f with each new place. */
export const follow = (f: (at: Place) => void): (() => void) => effect(() => f(place.value));
