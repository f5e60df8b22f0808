// The hits of each title of an answer, read when the title comes into sight.
import { signal } from "@preact/signals";
import { searches } from "../api";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { inQuotes } from "../links";
import { tongues, type Answer } from "./search";

/** Hits of one title: further hits are counted, and not read. */
const most = 200;

const read = signal(new Map<string, Hit[]>());
let readOf: unknown = null;

/** readTitle reads the hits of a title of an answer, once. */
export async function readTitle(of: Answer, title: string): Promise<void> {
  if (readOf !== of.first) {
    readOf = of.first;
    read.value = new Map();
  }
  if (read.value.has(title)) return;
  read.value = new Map(read.value).set(title, []);
  const answer = await searches.search({ q: `(${of.first.query}) title:${inQuotes(title)}`, limit: most, languages: tongues, order: "time", group: "none" })
    .catch(() => searches.search({ q: `${of.first.query} title:${inQuotes(title)}`, limit: most, languages: tongues, order: "time", group: "none" }))
    .catch(() => null);
  if (answer && readOf === of.first) read.value = new Map(read.value).set(title, answer.hits);
}

/** hitsOf are the hits of a title, by time; none before the hits are read. */
export const hitsOf = (title: string): Hit[] => read.value.get(title) ?? [];
