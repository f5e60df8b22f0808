// Where the player's bytes come from: the file of the asset, or the proxy where the browser cannot play the file.
import { computed, signal } from "@preact/signals";
import { film } from "./film";

export type Source = {
  url: string;
  /** The start of frame 0 on the player's clock, in flicks. */
  late: bigint;
  proxy: boolean;
};

/** How the film is played: by the file; by the proxy; not at all, because the browser plays the file badly and no proxy is there. */
export const way = signal<"file" | "proxy" | "none">("file");

export const source = computed<Source>(() => {
  const f = film.value;
  if (!f || way.value === "none") return { url: "", late: 0n, proxy: false };
  if (way.value === "proxy") return { url: `/media/${encodeURIComponent(f.asset.id)}/proxy`, late: 0n, proxy: true };
  return { url: `/media/${encodeURIComponent(f.asset.id)}`, late: f.asset.video?.start ?? 0n, proxy: false };
});

/** The browser shows another frame than the frame that was sought, and no proxy is there. */
export const wrongFrame = signal(false);

const proxied = (asset: string): Promise<boolean> => fetch(`/media/${encodeURIComponent(asset)}/proxy`, { method: "HEAD" }).then((r) => r.ok, () => false);

/** unplayable is told that the browser cannot play the source. */
export async function unplayable(): Promise<void> {
  const f = film.peek();
  const there = f && way.peek() === "file" ? await proxied(f.asset.id) : false;
  if (film.peek() === f) way.value = there ? "proxy" : "none";
}

/** inexact is told that the browser shows another frame than the frame that was sought. */
export async function inexact(): Promise<void> {
  const f = film.peek();
  if (!f || way.peek() !== "file" || wrongFrame.peek()) return;
  wrongFrame.value = true;
  if ((await proxied(f.asset.id)) && film.peek() === f) {
    way.value = "proxy";
    wrongFrame.value = false;
  }
}
