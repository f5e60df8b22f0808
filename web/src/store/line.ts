// The question in the box: terms as chips, the words that are being typed, and a picture. Together they are one line of the query language.
//
//   - The address has the line (Place.q). A new address, as of a link or of Back, fills the box.
//   - The server takes a line apart. Words alone stay words in the box: the person goes on typing.
import { effect, signal } from "@preact/signals";
import { beforeSignIn, searches } from "../api";
import { TermKind, type ParseResponse, type Term } from "../generated/cinedex/v1/search_pb";
import { inQuotes } from "../links";
import { go, place } from "../url";
import { leafOf } from "./catalog";

export const terms = signal<Term[]>([]);
export const draft = signal("");
/** The box shows the line as it is written, without chips. */
export const asLine = signal(false);
/** Something was typed that the address does not have yet. */
export const typing = signal(false);

export type Picture = { bytes: Uint8Array; url: string; name: string };
/** The picture of the question. */
export const picture = signal<Picture | null>(null);

/** Milliseconds of rest after a key before the question is asked. */
const restOfTyping = 70;
let timer = 0;
/** The answer to the line of the address was wanted: the next line is a step of its own in the browser's history. */
let asked = true;
let written: string | null = null;
let parsing = 0;

const operator = /^(AND|OR|WITHIN|THEN|OVERLAPS|DURING|LEFT|RIGHT|ABOVE|BELOW|INSIDE|LARGER|SMALLER|STARTS|ENDS|NEAR)\b/;

/** join writes terms and the words behind the terms as one line (see Term of the API). */
export function join(parts: readonly Term[], words = ""): string {
  let body = "";
  let bound = false;
  let last = TermKind.OPERATOR;
  for (const term of parts) {
    if (term.kind === TermKind.FILTER) continue;
    const operand = term.kind === TermKind.LEAF || term.kind === TermKind.GROUP;
    if (operand && last === TermKind.GAP) body = `(${body.trim()})`;
    if (operand && last !== TermKind.OPERATOR) body += " AND";
    body += ` ${term.text}`;
    bound ||= !operand;
    last = term.kind;
  }
  words = words.trim();
  if (words) {
    const more = operator.test(words) || last === TermKind.OPERATOR;
    if (!more && bound) body = `(${body.trim()})`;
    body += more ? ` ${words}` : ` AND ${words}`;
    bound ||= operator.test(words);
  }
  const filters = parts.filter((p) => p.kind === TermKind.FILTER).map((p) => p.text);
  body = body.trim();
  if (bound && filters.length) body = `(${body})`;
  return [body, ...filters].join(" ").trim();
}

/** line is the whole question in one line. */
export const line = (): string => (asLine.value ? draft.value.trim() : join(terms.value, draft.value));

function put(step: boolean): void {
  clearTimeout(timer);
  typing.value = false;
  written = line();
  const own = step || asked;
  asked = step;
  go({ q: written }, own && written !== place.value.q);
}

/** type takes each change of the words. A complete term becomes a chip as soon as a space follows. */
export function type(words: string): void {
  draft.value = words;
  typing.value = true;
  clearTimeout(timer);
  if (!asLine.value && /(^|\s)[a-z_.]+:("[^"]+"|[^\s"]+) $/.test(words)) void commit(false);
  else timer = window.setTimeout(() => put(false), restOfTyping);
}

/** commit asks the line now, and makes chips of the words. */
export async function commit(step = true): Promise<void> {
  put(step);
  const q = written ?? "";
  const mine = ++parsing;
  if (!q || asLine.value) return;
  const p = await searches.parse({ q }).catch(() => null); // a line with a mistake stays as it is, and the search tells the mistake
  if (p && mine === parsing && line() === q) take(p);
}

// take makes chips of a parsed line. Words that name no leaf, and that no operator binds, stay words.
function take(p: ParseResponse): void {
  const bound = p.terms.some((t) => t.kind === TermKind.OPERATOR || t.kind === TermKind.GAP);
  const words = p.terms.filter((t) => t.kind === TermKind.LEAF && t.name === "any" && !t.not && t.text === t.value);
  const stays = !bound && words.length === 1 ? words[0] : undefined;
  terms.value = p.terms.filter((t) => t !== stays);
  draft.value = stays?.value ?? "";
}

/** set asks another line. */
export function set(q: string, step = true): void {
  picture.value = null;
  go({ q }, step);
}

/** change asks other terms. */
export function change(parts: Term[], words = draft.value): void {
  terms.value = parts;
  draft.value = words;
  put(true);
}

/** edit puts a term back into words, and makes chips of the words that are there. */
export async function edit(term: Term): Promise<void> {
  if (draft.value.trim()) {
    const p = await searches.parse({ q: draft.value }).catch(() => null);
    if (p) terms.value = [...terms.value, ...p.terms];
  }
  terms.value = terms.value.filter((t) => t !== term);
  draft.value = term.text;
}

/** turn makes a term its opposite. */
export async function turn(term: Term): Promise<void> {
  const text = term.not ? term.text.replace(/^(NOT |-)/, "") : `NOT ${term.text}`;
  change(terms.value.map((t) => (t === term ? { ...t, text, not: !t.not } : t)));
}

/** filtered reports whether a filter of the line has a value. */
export const filtered = (name: string, value: string): Term | undefined =>
  terms.value.find((t) => t.name === name && t.value === value && !t.not && (t.kind === TermKind.FILTER || t.kind === TermKind.LEAF));

/** narrow adds a term to the line, or takes the term away. */
export async function narrow(name: string, value: string, text: string): Promise<void> {
  const there = filtered(name, value);
  if (there) return change(terms.value.filter((t) => t !== there));
  const p = await searches.parse({ q: text }).catch(() => null);
  if (p) change([...terms.value, ...p.terms]);
}

// The leaf of words that is the whole question but for what narrows the question; undefined where the question is more, or where words are being typed.
function soleWords(): Term | undefined {
  const asked = terms.value.filter((x) => x.kind !== TermKind.FILTER);
  return !draft.value.trim() && !picture.value && asked.length === 1 && asked[0]!.kind === TermKind.LEAF && leafOf(asked[0]!.name)?.shape === "words" ? asked[0] : undefined;
}

/** wayOf is the leaf in which the words are looked for; "any" for words that are looked for everywhere. */
export const wayOf = (): string => leafOf(soleWords()?.name ?? "any")?.name ?? "any";

/** askIn looks for the words in a leaf, or everywhere ("any"). Without words, the name of the leaf waits for its value. */
export async function askIn(name: string): Promise<void> {
  if (draft.value.trim()) await commit(false);
  const sole = soleWords();
  const rest = sole ? terms.value.filter((x) => x !== sole) : terms.value;
  const words = sole ? sole.value : draft.value.trim();
  if (name === "any") return words ? change(rest, words) : undefined;
  const leaf = leafOf(name)?.aliases[0] ?? name;
  if (!words) {
    draft.value = `${leaf}:`;
    return;
  }
  const p = await searches.parse({ q: `${sole?.not ? "NOT " : ""}${leaf}:${inQuotes(words)}` }).catch(() => null);
  if (p) change([...p.terms, ...rest], "");
}

/** toLine shows the line as it is written, or the chips. */
export function toLine(on: boolean): void {
  const q = line();
  asLine.value = on;
  terms.value = [];
  draft.value = q;
  if (!on) void commit(false);
}

/** begin fills the box from each new address. */
export function begin(): void {
  beforeSignIn(() => { if (typing.peek()) put(false); });
  effect(() => {
    const { q } = place.value;
    if (q === written) return;
    written = q;
    asked = true;
    clearTimeout(timer);
    terms.value = [];
    draft.value = q;
    typing.value = false;
    const mine = ++parsing;
    if (q && !asLine.peek()) void searches.parse({ q }).then((p) => { if (mine === parsing && written === q && draft.peek() === q) take(p); }, () => {});
  });
}
