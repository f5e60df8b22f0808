// A client of the search API over Connect, gRPC or gRPC-Web: a search, its pages, an error, and the new hits of a saved search.
//
//	node out/client.js URL TOKEN connect|grpc|grpc-web
//
// Each step prints a line of JSON. The last step waits for a line of standard input.
import { createInterface } from "node:readline/promises";
import { ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { SavedSearchService } from "./generated/cinedex/v1/saved_pb.js";
import { type Hit, SearchService } from "./generated/cinedex/v1/search_pb.js";
import { BadRequestSchema, ErrorInfoSchema } from "./generated/google/rpc/error_details_pb.js";

const [url, token, protocol] = process.argv.slice(2) as [string, string, string];
const signed: Interceptor = (next) => (req) => {
  req.header.set("Authorization", `Bearer ${token}`);
  return next(req);
};
const options = { baseUrl: url, interceptors: [signed] };
const transport = {
  connect: () => createConnectTransport({ ...options, httpVersion: "1.1" }),
  grpc: () => createGrpcTransport(options),
  "grpc-web": () => createGrpcWebTransport({ ...options, httpVersion: "1.1" }),
}[protocol as "connect" | "grpc" | "grpc-web"]();
const search = createClient(SearchService, transport);
const saved = createClient(SavedSearchService, transport);

const print = (step: object) => console.log(JSON.stringify(step));
const place = (h: Hit) => `${h.title}@${h.startMs}`;

async function first() {
  const answer = await search.search({ q: "dialogue.words:lamp", limit: 1 });
  const [hit] = answer.hits;
  if (!hit) throw new Error("no hit");
  print({ step: "search", query: answer.query, total: Number(answer.total?.count), exact: answer.total?.exact, title: hit.titleName, text: hit.text,
    timecode: hit.startTimecode, start: Number(hit.start), score: hit.score, by: hit.evidence.map((e) => `${e.leaf}/${e.by}`) });
}

async function pages() {
  const hits: string[] = [];
  let cursor = "", n = 0;
  do {
    const answer = await search.search({ q: "dialogue.words:lamp", order: "time", limit: 10, cursor });
    hits.push(...answer.hits.map(place));
    cursor = answer.cursor;
    n++;
  } while (cursor);
  print({ step: "pages", pages: n, hits });
}

async function refusal() {
  try {
    await search.search({ q: 'dialogue:"lamp' });
  } catch (e) {
    const err = ConnectError.from(e);
    const [info] = err.findDetails(ErrorInfoSchema);
    const [request] = err.findDetails(BadRequestSchema);
    print({ step: "error", code: err.code, kind: info?.reason, column: info?.metadata["column"], field: request?.fieldViolations[0]?.field, message: err.rawMessage });
  }
}

// watch tells the first new hits behind a token, and returns the token behind the hits.
async function watch(since: string, step: string): Promise<string> {
  const leave = new AbortController();
  for await (const m of saved.watchSearch({ name: "lamps", since }, { signal: leave.signal })) {
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
await saved.saveSearch({ saved: { name: "lamps", search: { q: "dialogue.words:lamp" } } });
const behind = await watch("", "found");
const lines = createInterface({ input: process.stdin });
await lines.question("");
await watch(behind, "resumed");
process.exit(0);
