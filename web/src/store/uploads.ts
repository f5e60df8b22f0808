// Uploads of the person: by tus 1.0, in pieces, with pause, and with resume after the page was loaded again.
import { signal } from "@preact/signals";
import { Upload, type DetailedError, type PreviousUpload } from "tus-js-client";
import type { Key } from "../words/words";

/** A Sent is an upload as the server tells it. */
export type Sent = {
  id: string; title: string; name?: string; file: string; part?: string; bytes: number; offset: number;
  state: "unfinished" | "whole" | "arriving" | "arrived" | "refused"; asset?: string; kind?: string; reason?: string; touched_ms: number; expires_ms: number;
};

/** A Sending is an upload of this page. */
export type Sending = {
  key: number; file: string; title: string; bytes: number; sent: number; state: "sending" | "paused" | "waiting" | "done" | "failed";
  /** Why the upload failed, in the server's words, and what to do. */
  problem: string; fix: Key | "";
};

/** The uploads that the server has of the person; null where the server takes none of this person. */
export const sents = signal<Sent[] | null>(null);
/** Why there are no uploads: the role is missing, or the server takes none. */
export const uploadsOff = signal<"" | "role" | "off">("");
export const sendings = signal<Sending[]>([]);
export const maxBytes = signal(0);

/** The files of unfinished uploads that the browser knows of an earlier visit. */
const pieceBytes = 16 * 2 ** 20;
const uploads = new Map<number, Upload>();
let next = 1;

/** refresh reads the person's uploads. */
export async function refresh(): Promise<void> {
  try {
    const r = await fetch("/uploads", { headers: { Accept: "application/json" } });
    uploadsOff.value = r.status === 403 ? "role" : r.status === 404 ? "off" : "";
    if (!r.ok) return;
    const all = (await r.json()) as { uploads: Sent[]; max_bytes: number };
    sents.value = all.uploads;
    maxBytes.value = all.max_bytes;
  } catch {
    // The server is away: what is shown stays.
  }
}

function change(key: number, to: Partial<Sending>): void {
  sendings.value = sendings.value.map((s) => (s.key === key ? { ...s, ...to } : s));
}

/** fixOf is what to do about a status of the server. */
function fixOf(status: number): Key | "" {
  switch (status) {
    case 0:
      return "library.fix.away";
    case 401:
    case 403:
      return "library.fix.denied";
    case 404:
    case 410:
      return "library.fix.again";
    case 413:
      return "library.fix.size";
    case 415:
      return "library.fix.type";
    case 429:
      return "library.fix.many";
    case 460:
      return "library.fix.again";
    case 507:
      return "library.fix.disk";
  }
  return "";
}

const statusOf = (e: Error | DetailedError): number => ("originalResponse" in e ? (e.originalResponse?.getStatus() ?? 0) : 0);
const wordsOf = (e: Error | DetailedError): string => ("originalResponse" in e ? (e.originalResponse?.getBody().trim() ?? "") : "");

/** Meta is what the person says of the film. */
export type Meta = { title: string; name: string; texts: { file: File; language: string }[] };

function upload(file: File, metadata: Record<string, string>, on: { progress?: (sent: number) => void; retry?: () => void }): [Upload, Promise<string>] {
  let u!: Upload;
  const ended = new Promise<string>((done, fail) => {
    u = new Upload(file, {
      endpoint: `${location.origin}/uploads/`,
      chunkSize: pieceBytes,
      // A server that restarts, or a line that breaks, is waited for.
      retryDelays: [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000, 30_000],
      removeFingerprintOnSuccess: true,
      metadata,
      onProgress: (sent) => on.progress?.(sent),
      onShouldRetry: (e) => {
        const status = statusOf(e as DetailedError);
        const again = status === 0 || status === 409 || status === 423 || status === 503 || wordsOf(e as DetailedError).startsWith("ERR_UPLOAD_INTERRUPTED");
        if (again) on.retry?.();
        return again;
      },
      onError: fail,
      onSuccess: () => done(u.url?.split("/").at(-1) ?? ""),
    });
  });
  return [u, ended];
}

/** send begins to send a film, with its subtitles first. */
export async function send(file: File, meta: Meta): Promise<void> {
  const key = next++;
  sendings.value = [{ key, file: file.name, title: meta.title, bytes: file.size, sent: 0, state: "sending", problem: "", fix: "" }, ...sendings.value];
  try {
    const ids: string[] = [];
    for (const text of meta.texts) {
      const [u, ended] = upload(text.file, { part: "text", filename: text.file.name, title: meta.title, language: text.language }, {});
      u.start();
      ids.push(await ended);
    }
    const metadata: Record<string, string> = { filename: file.name, title: meta.title };
    if (meta.name) metadata["name"] = meta.name;
    if (ids.length) metadata["text"] = ids.join(" ");
    const [u, ended] = upload(file, metadata, {
      progress: (sent) => change(key, { sent, state: "sending" }),
      retry: () => change(key, { state: "waiting" }),
    });
    uploads.set(key, u);
    const earlier: PreviousUpload[] = await u.findPreviousUploads();
    // The same file for the same title goes on where the server has bytes.
    const same = earlier.find((p) => p.metadata["title"] === meta.title);
    if (same) u.resumeFromPreviousUpload(same);
    u.start();
    await ended;
    change(key, { state: "done", sent: file.size });
  } catch (e) {
    const err = e as DetailedError;
    change(key, { state: "failed", problem: wordsOf(err), fix: fixOf(statusOf(err)) });
  }
  uploads.delete(key);
  await refresh();
}

/** pause stops sending; resume goes on. */
export function pause(key: number): void {
  void uploads.get(key)?.abort();
  change(key, { state: "paused" });
}

export function resume(key: number): void {
  uploads.get(key)?.start();
  change(key, { state: "sending", problem: "", fix: "" });
}

/** giveUp ends an upload here and at the server. */
export function giveUp(key: number): void {
  void uploads.get(key)?.abort(true).catch(() => undefined).then(refresh);
  uploads.delete(key);
  forget(key);
}

/** forget takes an upload off the page. */
export function forget(key: number): void {
  sendings.value = sendings.value.filter((s) => s.key !== key);
}

async function ask(method: string, path: string): Promise<string> {
  try {
    const r = await fetch(path, { method, headers: { "Tus-Resumable": "1.0.0" } });
    await refresh();
    return r.ok ? "" : (await r.text()).trim();
  } catch {
    return "…";
  }
}

/** retry sends the event of a refused film again; drop deletes an unfinished upload. Both return why they could not. */
export const retry = (id: string): Promise<string> => ask("POST", `/uploads/${id}/retry`);
export const drop = (id: string): Promise<string> => ask("DELETE", `/uploads/${id}`);
