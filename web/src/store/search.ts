// The search of the page: the question of the address, and the answer to the question.
import { effect, signal } from "@preact/signals";
import type { Facet, Hit, SearchResponse } from "../generated/cinedex/v1/search_pb";
import { failure, judgements, recommendations, searches, until, type Failure } from "../api";
import type { Verdict } from "../generated/cinedex/v1/judgement_pb";
import { openBench } from "../bench/open";
import { place } from "../url";
import { leafShaped } from "./catalog";
import { picture } from "./line";

export type Answer = {
  /** The question that the answer is to. */
  q: string;
  /** The hits are the best of each title. */
  byTitle: boolean;
  /** The answer's first page, with all that is told of the answer. */
  first: SearchResponse;
  hits: Hit[];
  /** Leads to the next page; "" on the last. */
  cursor: string;
  /** Milliseconds from the question to the answer, as the person waited. */
  took: number;
};

/** The last good answer. A question that is half typed keeps the answer before. */
export const answer = signal<Answer | null>(null);
/** Why the newest question has no answer. */
export const problem = signal<Failure | null>(null);
/** A question is under way. */
export const asking = signal(false);
/** The moments of the answer, counted by properties. */
export const facets = signal<Facet[]>([]);
/** What others searched who searched the same. */
export const also = signal<string[]>([]);
/** The hit that was opened last, and the question that found the hit. */
export const opened = signal<{ hit: Hit; query: string } | null>(null);

/** The languages of the person, the favourite first. */
export const tongues = [...new Set(navigator.languages)].filter((l) => /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(l)).slice(0, 16);

/** How many hits the first page and each further page have. */
const firstPage = 60;
const furtherPage = 200;

let running: AbortController | null = null;
let paging: AbortController | null = null;

// question is the request without its page. A picture goes beside the line, which has no room for the bytes.
async function question(signal: AbortSignal) {
  const { q, byTitle } = place.value;
  const shape = { languages: tongues, group: byTitle ? "title" : "none" };
  const image = picture.value?.bytes;
  if (!image) return { q, ...shape };
  const leaf = { node: { case: "leaf" as const, value: { kind: leafShaped("picture")?.name ?? "like_image", image } } };
  if (!q.trim()) return { query: leaf, ...shape };
  const { query, filter } = await searches.parse({ q }, { signal });
  return { query: query ? { node: { case: "and" as const, value: { queries: [query, leaf] } } } : leaf, filter, ...shape };
}

async function ask(): Promise<void> {
  running?.abort();
  paging?.abort();
  paging = null;
  also.value = [];
  const { q, byTitle } = place.value;
  if (!q.trim() && !picture.value) {
    answer.value = problem.value = null;
    facets.value = [];
    asking.value = false;
    return;
  }
  const mine = (running = new AbortController());
  asking.value = true;
  const began = performance.now();
  try {
    const first = await until(async () => {
      const asked = { ...(await question(mine.signal)), limit: firstPage };
      return searches.search(asked, { signal: mine.signal });
    }, mine.signal);
    if (mine.signal.aborted) return;
    if (!first.hits.length) facets.value = [];
    answer.value = { q, byTitle, first, hits: first.hits, cursor: first.cursor, took: performance.now() - began };
    problem.value = null;
    void count(first, mine.signal);
    if (first.search) void recommend(first.query, mine.signal);
  } catch (e) {
    if (mine.signal.aborted) return;
    problem.value = failure(e);
  }
  asking.value = false;
}

/** Milliseconds that an answer rests before its moments are counted: the count reads more than the first page does. */
const restOfCount = 150;

// count asks for the facets and the exact count of an answer.
async function count(of: SearchResponse, abort: AbortSignal): Promise<void> {
  if (!of.hits.length) return;
  await new Promise((done) => setTimeout(done, restOfCount));
  if (abort.aborted) return;
  const asked = { ...(await question(abort)), group: "none", limit: 1, facets: ["title", "language", "character", "kind", "label"] };
  const counted = await searches.search(asked, { signal: abort }).catch(() => null); // the answer is whole without it
  if (!counted || abort.aborted || answer.value?.first !== of) return;
  facets.value = counted.facets;
  if (counted.total && !of.partial.length) of.total = counted.total;
  answer.value = { ...answer.value };
}

/** more reads the next page of the answer. Calls beside a call do nothing. */
export async function more(): Promise<void> {
  const of = answer.value;
  if (!of?.cursor || paging) return;
  const mine = (paging = new AbortController());
  try {
    const page = await until(async () => {
      const asked = { ...(await question(mine.signal)), limit: of.byTitle ? firstPage : furtherPage, cursor: of.cursor };
      return searches.search(asked, { signal: mine.signal });
    }, mine.signal);
    const now = answer.value;
    if (now && now.first === of.first && !mine.signal.aborted) {
      now.first.groups.push(...page.groups);
      answer.value = { ...now, hits: now.hits.concat(page.hits), cursor: page.cursor };
    }
  } catch (e) {
    if (!mine.signal.aborted) problem.value = failure(e);
  }
  if (paging === mine) paging = null;
}

/** Milliseconds that a question rests before others' searches are asked for. */
const restOfQuestion = 600;

async function recommend(q: string, abort: AbortSignal): Promise<void> {
  await new Promise((done) => setTimeout(done, restOfQuestion));
  if (abort.aborted || !q) return;
  const r = await recommendations.recommend({ q, limit: 4 }, { signal: abort }).catch(() => null); // the answer is whole without it
  if (r && !abort.aborted) also.value = [...new Set([...r.also, ...r.like])].slice(0, 5);
}

/** open plays a hit on the bench from the first frame of the hit, and says that the hit was picked. Nobody waits for that. */
export function open(hit: Hit): void {
  const of = answer.value;
  opened.value = { hit, query: of?.first.query ?? "" };
  if (of?.first.search) {
    const moments = [{ asset: hit.asset, start: hit.start, end: hit.end }];
    recommendations.picked({ search: of.first.search, moments }).catch(() => {});
  }
  openBench({ asset: hit.asset, frame: hit.startFrame, play: true });
}

/** isOpen reports whether a hit is the hit on the bench. */
export const isOpen = (hit: Hit): boolean => {
  const on = place.value.asset === hit.asset ? opened.value?.hit : undefined;
  return on !== undefined && on.asset === hit.asset && on.start === hit.start && on.end === hit.end;
};

/** judge keeps whether a hit is right, for `cinedex judgements`. */
export const judge = (query: string, hit: Hit, verdict: Verdict) =>
  judgements.judge({ judgement: { q: query, asset: hit.asset, start: hit.start, end: hit.end, verdict } });

/** begin answers each new question of the address. */
export function begin(): void {
  let asked = "";
  let shown = picture.value;
  effect(() => {
    const { q, byTitle } = place.value;
    const now = JSON.stringify([q, byTitle]);
    if (now === asked && shown === picture.value) return;
    asked = now;
    shown = picture.value;
    void ask();
  });
}
