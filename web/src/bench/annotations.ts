// What is known of the film on the bench: the lines of speech, the annotations of each lane, and the hits of the page's query.
import { computed, effect, signal } from "@preact/signals";
import { searches, until } from "../api";
import type { CatalogKind } from "../generated/cinedex/v1/catalog_pb";
import type { Annotation } from "../generated/cinedex/v1/noun_pb";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { kinds as catalogKinds } from "../store/catalog";
import { language } from "../words/words";
import { second } from "./clock";
import { film } from "./film";
import { opened } from "./open";
import { place } from "../url";

/** The kinds of annotation, in the order of their lanes. */
export const kinds = computed(catalogKinds);
/** A track is the lines of one kind in one language. */
export type Track = { key: string; kind: CatalogKind; language: string; lines: Annotation[] };
export const tracks = signal<Track[]>([]);
/** The annotations of the lanes, for the drawn part of the film. */
export const drawn = signal<Annotation[]>([]);
/** There are more annotations in the drawn part than the bench reads. */
export const more = signal(false);
/** The hits of the query in this film, by time. */
export const hits = signal<Hit[]>([]);
export const shots = computed(() => drawn.value.filter((a) => a.kind === "shot"));

/** The part of the film that the lanes show, in flicks. */
export const view = signal<[bigint, bigint]>([0n, second]);

/** The chosen track of lines, by its key; "" for the best, "none" for none. */
export const chosen = signal("");
export const track = computed<Track | null>(() => {
  if (chosen.value === "none") return null;
  const all = tracks.value;
  return all.find((x) => x.key === chosen.value) ?? all.find((x) => x.language.split("-")[0] === language.value) ?? all[0] ?? null;
});

const pageOf = 500;
/** How many pages of annotations the bench reads for the drawn part, and for the lines of a whole film. */
const pagesDrawn = 6;
const pagesOfLines = 80;

async function list(asset: string, of: string[], start: bigint, end: bigint, pages: number, abort: AbortSignal): Promise<[Annotation[], boolean]> {
  const all: Annotation[] = [];
  let cursor = "";
  for (let n = 0; of.length && n < pages; n++) {
    const page = await until(() => searches.listAnnotations({ asset, kinds: of, start, end, limit: pageOf, cursor }, { signal: abort }), abort);
    all.push(...page.annotations);
    cursor = page.cursor;
    if (!cursor) break;
  }
  return [all, cursor !== ""];
}

const spoken = (k: CatalogKind): boolean => k.inLanguage && k.lane !== "";

async function readLines(asset: string, abort: AbortSignal): Promise<void> {
  const of = kinds.peek().filter(spoken);
  const [all] = await list(asset, of.map((k) => k.kind), 0n, 0n, pagesOfLines, abort);
  const byTrack = new Map<string, Track>();
  for (const a of all) {
    const kind = of.find((k) => k.kind === a.kind)!;
    const key = `${a.kind} ${a.language}`;
    if (!byTrack.has(key)) byTrack.set(key, { key, kind, language: a.language, lines: [] });
    byTrack.get(key)!.lines.push(a);
  }
  const order = (x: Track) => of.indexOf(x.kind);
  // The lines in the language of the page are the first.
  const other = (x: Track) => Number(x.language.split("-")[0] !== language.peek());
  if (!abort.aborted) tracks.value = [...byTrack.values()].sort((a, b) => order(a) - order(b) || other(a) - other(b) || a.language.localeCompare(b.language));
}

/** readHits asks the query in this film. A moment that was opened with other hits shows those. */
async function readHits(asset: string, q: string, abort: AbortSignal): Promise<void> {
  const given = opened.peek();
  if (given?.asset === asset && given.hits) {
    hits.value = given.hits.filter((h) => h.asset === asset);
    return;
  }
  if (!q.trim()) return;
  const answer = await until(() => searches.search({ q, filter: { assets: [asset] }, limit: 200, order: "time" }, { signal: abort }), abort);
  if (!abort.aborted) hits.value = answer.hits.filter((h) => h.asset === asset);
}

/** begin reads what is known of each film that comes onto the bench. The end of the bench ends the reading. */
export function begin(): () => void {
  const quiet = () => {}; // a lane that cannot be read is empty: the film plays without it
  const ends: (() => void)[] = [];
  const follow = (read: (abort: AbortSignal) => void) => {
    let running = new AbortController();
    ends.push(effect(() => {
      running.abort();
      running = new AbortController();
      read(running.signal);
    }), () => running.abort());
  };
  follow((abort) => {
    tracks.value = [];
    const f = film.value;
    if (f && kinds.value.length) readLines(f.asset.id, abort).catch(quiet);
  });
  follow((abort) => {
    hits.value = [];
    const f = film.value;
    const q = opened.value?.query ?? place.value.q;
    if (f) readHits(f.asset.id, q, abort).catch(quiet);
  });
  follow((abort) => {
    const f = film.value;
    const of = kinds.value.filter((k) => k.lane && !spoken(k)).map((k) => k.kind);
    const [start, end] = reach.value.split(" ").map(BigInt) as [bigint, bigint];
    if (!f) drawn.value = [];
    else if (of.length) list(f.asset.id, of, start, end, pagesDrawn, abort).then(([all, rest]) => {
      if (abort.aborted) return;
      drawn.value = all;
      more.value = rest;
    }, quiet);
  });
  return () => ends.forEach((end) => end());
}

// reach is what is read for the drawn part: steps of the part's own length, one more on each side, so that small moves read nothing.
const reach = computed<string>(() => {
  const [start, end] = view.value;
  const step = 1n << BigInt((end - start > 1n ? end - start : 1n).toString(2).length);
  const from = (start / step) * step;
  return `${from > step / 2n ? from - step / 2n : 0n} ${(end / step + 1n) * step + step / 2n}`;
});

/** linesAt finds the lines of a track at a time. */
export const linesAt = (of: Track | null, time: bigint): Annotation[] => of?.lines.filter((a) => a.start <= time && time < a.end) ?? [];
