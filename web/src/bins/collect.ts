// Hits that the person has picked, and the way of the hits into a bin.
import { computed, signal } from "@preact/signals";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { answer } from "../store/search";
import { bin, edit, list, type Edit } from "../store/bins";
import type { Bin } from "../generated/cinedex/v1/bin_pb";

/** keyOf names the moment of a hit. */
export const keyOf = (h: Hit): string => `${h.asset} ${h.start} ${h.end}`;

/** The picked hits by moment, in the order of picking. */
export const selection = signal<ReadonlyMap<string, Hit>>(new Map());
export const picked = computed(() => selection.value.size);

// The hit that was picked last: the other end of a range.
let last = "";

// The query that found each picked hit.
const queries = new Map<string, string>();

/** pick picks or drops a hit. With range, every hit of a list between the hit picked last and the hit is picked. */
export function pick(h: Hit, range = false, on?: boolean, q = answer.value?.first.query ?? "", hits: readonly Hit[] = answer.value?.hits ?? []): void {
  const next = new Map(selection.value);
  const key = keyOf(h);
  const from = range ? hits.findIndex((x) => keyOf(x) === last) : -1;
  const to = range ? hits.findIndex((x) => keyOf(x) === key) : -1;
  if (from >= 0 && to >= 0) for (const x of hits.slice(Math.min(from, to), Math.max(from, to) + 1)) next.set(keyOf(x), x);
  else if (on ?? !next.has(key)) next.set(key, h);
  else next.delete(key);
  last = key;
  for (const k of next.keys()) if (!selection.value.has(k)) queries.set(k, q);
  selection.value = next;
}

/** drop forgets every picked hit. */
export function drop(): void {
  selection.value = new Map();
  last = "";
}

/** clipOf makes the edit that adds a hit. The id is of this page, so that the edit may be sent twice. */
export function clipOf(h: Hit, q: string): Edit {
  const best = h.evidence[0];
  return {
    case: "add",
    value: {
      clip: {
        id: crypto.randomUUID(), asset: h.asset, start: h.start, end: h.end, q, text: h.text, language: h.language,
        run: best?.run ?? "", algorithm: best?.algorithm ?? "", version: best?.version ?? "", confidence: h.confidence,
      },
    },
  };
}

/** collect adds hits to a bin. Returns false where the bin did not take the hits; the problem tells why. */
export async function collect(hits: Hit[], into: Bin): Promise<boolean> {
  const now = bin.value?.id === into.id ? bin.value : into;
  const done = await edit(now, hits.map((h) => clipOf(h, queries.get(keyOf(h)) ?? answer.value?.first.query ?? "")));
  if (done) void list();
  return done !== null;
}

