// A client of the search API over GraphQL, without a library: a search, its pages, an error, and the new hits of a saved search.
//
//	node out/graphql.js URL TOKEN
//
// Each step prints a line of JSON. The last step waits for a line of standard input.
import { createInterface } from "node:readline/promises";

const [url, token] = process.argv.slice(2) as [string, string];
type Hit = { title: string; titleName: string; text: string; startTimecode: string; startMs: number; start: string | number; score: number; evidence: { leaf: string; by: string }[] };
type Search = { search: { query: string; total: { count: string | number; exact: boolean }; cursor: string; hits: Hit[] } };
type News = { watchSearch: { hits: Hit[]; token: string } };
type Answer<T> = { data: T; errors?: { message: string; extensions: { code: string; field?: string; column?: string } }[] };

const print = (step: object) => console.log(JSON.stringify(step));
const place = (h: Hit) => `${h.title}@${h.startMs}`;

function post(accept: string, query: string, variables: object, signal?: AbortSignal) {
  return fetch(`${url}/graphql`, {
    method: "POST", body: JSON.stringify({ query, variables }), signal: signal ?? null,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", Accept: accept },
  });
}

async function ask<T>(query: string, variables = {}): Promise<Answer<T>> {
  return (await (await post("application/json", query, variables)).json()) as Answer<T>;
}

// events yields the events of a subscription (Server-Sent Events).
async function* events<T>(query: string, variables: object, signal: AbortSignal): AsyncGenerator<T> {
  const body = (await post("text/event-stream", query, variables, signal)).body;
  if (!body) throw new Error("no events");
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const lines = (text + piece).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("data: ")) yield (JSON.parse(line.slice(6)) as Answer<T>).data;
    }
  }
}

async function first() {
  const { data } = await ask<Search>(`{ search(q: "dialogue.words:lamp", limit: 1) { query total { count exact } hits { titleName text startTimecode start score evidence { leaf by } } } }`);
  const [hit] = data.search.hits;
  if (!hit) throw new Error("no hit");
  print({ step: "search", query: data.search.query, total: Number(data.search.total.count), exact: data.search.total.exact, title: hit.titleName, text: hit.text,
    timecode: hit.startTimecode, start: Number(hit.start), score: hit.score, by: hit.evidence.map((e) => `${e.leaf}/${e.by}`) });
}

async function pages() {
  const hits: string[] = [];
  let cursor = "", n = 0;
  do {
    const { data } = await ask<Search>(`query ($cursor: String) { search(q: "dialogue.words:lamp", order: TIME, limit: 10, cursor: $cursor) { hits { title startMs } cursor } }`, { cursor });
    hits.push(...data.search.hits.map(place));
    cursor = data.search.cursor;
    n++;
  } while (cursor);
  print({ step: "pages", pages: n, hits });
}

async function refusal() {
  const { errors } = await ask<Search>(`query ($q: String) { search(q: $q) { query } }`, { q: 'dialogue:"lamp' });
  const [error] = errors ?? [];
  print({ step: "error", kind: error?.extensions.code.toUpperCase(), column: error?.extensions.column, field: error?.extensions.field, message: error?.message });
}

// watch tells the first new hits behind a token, and returns the token behind the hits.
async function watch(since: string, step: string): Promise<string> {
  const leave = new AbortController();
  const news = events<News>(`subscription ($since: String) { watchSearch(name: "lamps", since: $since) { hits { title startMs } token } }`, { since }, leave.signal);
  for await (const { watchSearch: m } of news) {
    if (m.hits.length > 0) {
      print({ step, hits: m.hits.map(place) });
      leave.abort();
      return m.token;
    }
    if (since === "") print({ step: "watching" });
    since = m.token;
  }
  throw new Error("the stream ended");
}

await first();
await pages();
await refusal();
await ask(`mutation { saveSearch(name: "lamps", q: "dialogue.words:lamp") }`);
const behind = await watch("", "found");
const lines = createInterface({ input: process.stdin });
await lines.question("");
await watch(behind, "resumed");
process.exit(0);
