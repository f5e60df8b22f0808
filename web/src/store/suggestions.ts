// What a person who types may be about to look for.
import { signal } from "@preact/signals";
import { searches } from "../api";
import { TermKind } from "../generated/cinedex/v1/search_pb";
import { frameOf, scaleOf } from "../bench/timecode";
import { filmOf, filmsOf, titles } from "./titles";
import { leafOf } from "./catalog";
import { commit, draft, terms } from "./line";
import { place } from "../url";

/** An Offer is a line of the list below the box. */
export type Offer = {
  key: string;
  text: string;
  /** title, character, phrase, leaf, timecode, or the name of a leaf. */
  kind: string;
  /** The query that takes the place of what is typed. */
  q: string;
  /** How many items say the same; 0 where nobody counted. */
  count: number;
  /** A place to go to, of a timecode. */
  place?: { asset: string; frame: bigint };
};

export const offers = signal<Offer[]>([]);
/** The words that the offers are ends for. */
export const offeredTo = signal("");
/** Milliseconds from the last key to the suggestions, as the person waited. */
export const tookToSuggest = signal(0);

let running: AbortController | null = null;
/** Titles that a timecode without a title is offered in. */
const mostTitles = 8;

// typedOf is the part of the words that suggestions complete: the value of a leaf whose name is written, or the last words without one.
export function typedOf(words: string): { before: string; leaf: string; typed: string } {
  const m = /^(.*?(?:^|\s))([a-z_]+)(?:\.[a-z]+)?:"?([^"]*)$/s.exec(words);
  if (m) return { before: m[1]!, leaf: m[2]!, typed: m[3]! };
  const plain = /^(.*(?:"|\)|\b(?:AND|OR|NOT|THEN))\s+)?([^":()]*)$/s.exec(words);
  return plain ? { before: plain[1] ?? "", leaf: "", typed: plain[2]! } : { before: words, leaf: "", typed: "" };
}

const timecode = /^\d{1,2}[:;]\d\d[:;]\d\d[:;.]\d{2,5}$/;

// jumps are the films that have a frame with a timecode: of the open film or the titles of the question first.
function jumps(label: string): Offer[] {
  const padded = label.padStart(11, "0");
  const named = terms.value.filter((t) => t.name === "title").flatMap((t) => filmsOf(t.value));
  const here = filmOf(place.value.asset)?.asset;
  const films = here ? [here] : named.length ? named : (titles.value ?? []).flatMap((e) => e.assets);
  const out: Offer[] = [];
  for (const a of films) {
    const v = a.video;
    if (!v?.rate) continue;
    const frame = frameOf(scaleOf(v.rate.num, v.rate.den, v.dropFrame, v.startTimecode), padded, v.frames);
    if (frame === undefined) continue;
    out.push({ key: a.id, text: filmOf(a.id)?.of.title?.name || a.title?.id || a.id, kind: "timecode", q: padded, count: 0, place: { asset: a.id, frame } });
    if (out.length === mostTitles) break;
  }
  return out;
}

/** narrowing is the filter of the chips: a title, a language or a character narrows what is suggested, too. Times stay with the question. */
function narrowing() {
  const of = (name: string) => terms.value.filter((t) => t.kind === TermKind.FILTER && t.name === name).map((t) => t.value);
  return { titles: of("title"), series: of("series"), assets: of("asset"), languages: of("lang"), characters: of("character"), kinds: of("kind") };
}

/** suggest offers ends for what is typed. */
export async function suggest(words: string): Promise<void> {
  running?.abort();
  const mine = (running = new AbortController());
  if (timecode.test(words.trim())) {
    offers.value = jumps(words.trim());
    return;
  }
  const { leaf, typed } = typedOf(words);
  if (!typed.trim()) {
    offers.value = [];
    return;
  }
  const began = performance.now();
  const name = leafOf(leaf)?.name ?? leaf;
  const answer = await searches.suggest({ typed: typed.slice(0, 150), limit: leaf ? 10 : 4, filter: narrowing() }, { signal: mine.signal }).catch(() => null);
  if (!answer || mine.signal.aborted) return;
  const all = answer.suggestions.filter((s) => !leaf || s.kind === name || s.kind === leaf);
  offeredTo.value = words;
  offers.value = all.slice(0, 12).map((s) => ({ key: s.kind + s.q, text: s.text, kind: s.kind, q: s.q, count: "count" in s ? Number(s.count) : 0 }));
  tookToSuggest.value = performance.now() - began;
}

/** none takes the suggestions away. */
export function none(): void {
  running?.abort();
  offers.value = [];
}

/** accept puts a suggestion in the place of what is typed. The name of a leaf waits for its value. */
export function accept(offer: Offer): void {
  const { before } = typedOf(draft.value);
  draft.value = before + offer.q;
  none();
  if (offer.kind !== "leaf") void commit();
}
