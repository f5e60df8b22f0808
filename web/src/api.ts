// The clients of the public API. Every call of the application goes through this file.
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { signal } from "@preact/signals";
import { BinService } from "./generated/cinedex/v1/bin_pb";
import { ExportService } from "./generated/cinedex/v1/export_pb";
import { ImportService } from "./generated/cinedex/v1/import_pb";
import { LibraryService } from "./generated/cinedex/v1/library_pb";
import { JudgementService } from "./generated/cinedex/v1/judgement_pb";
import { OperatorService } from "./generated/cinedex/v1/operator_pb";
import { ProxyService } from "./generated/cinedex/v1/proxy_pb";
import { RecommendService } from "./generated/cinedex/v1/recommend_pb";
import { SavedSearchService } from "./generated/cinedex/v1/saved_pb";
import { SearchService } from "./generated/cinedex/v1/search_pb";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./generated/google/rpc/error_details_pb";

import { renew } from "./session/session";

/** True while the server gives no answer. The page keeps what is shown, and asks again. */
export const serverAway = signal(false);

// An answer of a proxy before a server that is gone is "unavailable" without details; an answer of Cinedex has details.
const watched: Interceptor = (next) => async (req) => {
  try {
    const answer = await next(req);
    serverAway.value = false;
    return answer;
  } catch (e) {
    const f = failure(e);
    if (f.kind !== "cancelled") serverAway.value = f.away;
    if (f.kind === "unauthenticated") {
      if (!req.stream && (await renew())) return next(req);
      if (!req.stream) signIn();
    }
    throw e;
  }
};

const transport = createConnectTransport({ baseUrl: location.origin, useBinaryFormat: true, interceptors: [watched] });

export const searches = createClient(SearchService, transport);
export const bins = createClient(BinService, transport);
export const exports_ = createClient(ExportService, transport);
export const imports = createClient(ImportService, transport);
export const library = createClient(LibraryService, transport);
export const judgements = createClient(JudgementService, transport);
export const operators = createClient(OperatorService, transport);
export const proxies = createClient(ProxyService, transport);
export const recommendations = createClient(RecommendService, transport);
export const savedSearches = createClient(SavedSearchService, transport);

/** A Failure is why a call gave no answer. */
export type Failure = {
  kind: "cancelled" | "unauthenticated" | "denied" | "invalid" | "notFound" | "conflict" | "exhausted" | "unavailable" | "internal";
  /** The server's own words. */
  text: string;
  /** No server answered. */
  away: boolean;
  /** The column of a query line, from 1; 0 where the failure is of no column. */
  column: number;
  /** Milliseconds until the call may be tried again; 0 where the server does not say. */
  retryAfter: number;
};

const kinds: Partial<Record<Code, Failure["kind"]>> = {
  [Code.Canceled]: "cancelled",
  [Code.Unauthenticated]: "unauthenticated",
  [Code.PermissionDenied]: "denied",
  [Code.InvalidArgument]: "invalid",
  [Code.FailedPrecondition]: "invalid",
  [Code.OutOfRange]: "invalid",
  [Code.NotFound]: "notFound",
  [Code.Aborted]: "conflict",
  [Code.AlreadyExists]: "conflict",
  [Code.ResourceExhausted]: "exhausted",
  [Code.Unavailable]: "unavailable",
  [Code.DeadlineExceeded]: "unavailable",
};

/** failure tells an error of a call. */
export function failure(e: unknown): Failure {
  const err = ConnectError.from(e);
  const [info] = err.findDetails(ErrorInfoSchema);
  const [retry] = err.findDetails(RetryInfoSchema);
  const [bad] = err.findDetails(BadRequestSchema);
  const wait = retry?.retryDelay;
  let kind = kinds[err.code] ?? "internal";
  if (e instanceof DOMException && e.name === "AbortError") kind = "cancelled";
  const network = e instanceof TypeError || err.cause instanceof TypeError;
  return {
    kind: network ? "unavailable" : kind,
    text: bad?.fieldViolations[0]?.description || err.rawMessage,
    away: network || (kind === "unavailable" && !info),
    column: Number(info?.metadata["column"] ?? 0),
    retryAfter: wait ? Number(wait.seconds) * 1000 + wait.nanos / 1e6 : 0,
  };
}

/** renewed reports whether the session could be renewed without the person; otherwise the person signs in. */
export async function renewed(): Promise<boolean> {
  if (await renew()) return true;
  signIn();
  return false;
}

// What is typed goes into the address before the page is loaded again.
let keep = (): void => {};
/** beforeSignIn names what is done before the page is loaded again for a person to sign in. */
export function beforeSignIn(f: () => void): void {
  keep = f;
}

/** Milliseconds without a refused call before the page is loaded again: nobody loses the end of a word. */
const restOfSession = 500;
let leaving = 0;

/** signIn loads the page again: the server asks who is there, and keeps the address. */
export function signIn(): void {
  clearTimeout(leaving);
  leaving = window.setTimeout(() => {
    keep();
    location.reload();
  }, restOfSession);
}

/** until calls again while no server answers, with growing pauses. An abort ends the wait. */
export async function until<T>(call: () => Promise<T>, abort: AbortSignal): Promise<T> {
  for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
    try {
      return await call();
    } catch (e) {
      const f = failure(e);
      if (!f.away || abort.aborted) throw e;
      await rest(Math.max(pause, f.retryAfter), abort);
    }
  }
}

/** rest waits. An abort ends the wait with an error. */
export function rest(ms: number, abort: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const ended = () => {
      clearTimeout(timer);
      fail(new DOMException("ended", "AbortError"));
    };
    const timer = setTimeout(() => {
      abort.removeEventListener("abort", ended);
      done();
    }, ms);
    if (abort.aborted) ended();
    else abort.addEventListener("abort", ended, { once: true });
  });
}

/** announce sends an event of arrived media, as every studio's system does. Returns why the event was not taken; "" where the event was taken. */
export async function announce(data: object): Promise<string> {
  try {
    const answer = await fetch("/events", {
      method: "POST",
      headers: { "Content-Type": "application/cloudevents+json" },
      body: JSON.stringify({ specversion: "1.0", type: "cinedex.media.arrived.v1", source: "cinedex/page", id: crypto.randomUUID(), datacontenttype: "application/json", data }),
    });
    if (answer.ok) return "";
    const told = (await answer.json().catch(() => ({}))) as { error?: string };
    return told.error || `${answer.status} ${answer.statusText}`;
  } catch (e) {
    return failure(e).text;
  }
}
