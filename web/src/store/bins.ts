// The bins of the person: the list, the open bin as a stream tells the bin, and the edits of the person.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { effect, signal } from "@preact/signals";
import { bins as client, failure, rest, until, type Failure } from "../api";
import { type Bin, type BinConflict, type BinEdit, BinEditSchema, type BinLink } from "../generated/cinedex/v1/bin_pb";
import { go, place } from "../url";

/** Every bin that the person may see, without clips; null before the first answer. */
export const all = signal<Bin[] | null>(null);
/** The open bin; null while none is open, or the bin is not there yet. */
export const bin = signal<Bin | null>(null);
/** Why the list, the open bin or the last edit has no answer. */
export const problem = signal<Failure | null>(null);
/** Edits of the person that were not made, with what stands there now. */
export const conflicts = signal<{ conflict: BinConflict; edit: BinEdit }[]>([]);
/** The open bin changed by somebody else since the person edited last: who, for the ears. */
export const changedBy = signal(0);

const keptLink = (id: string): string => `cinedex.link.${id}`;
/** The secret of the link that the open bin was opened by; "" for the bins of the person. */
export const linkOf = (id: string): string => sessionStorage.getItem(keptLink(id)) ?? "";

/** takeLink takes the secret of a shared link out of the address, so that no history keeps the secret. */
export function takeLink(): void {
  const p = new URLSearchParams(location.search);
  const secret = p.get("link");
  if (!secret || !p.get("bin")) return;
  sessionStorage.setItem(keptLink(p.get("bin")!), secret);
  p.delete("link");
  history.replaceState(null, "", `${location.pathname}?${p}`);
}

/** list reads every bin. */
export async function list(): Promise<void> {
  const abort = new AbortController();
  try {
    const found: Bin[] = [];
    for (let cursor = ""; ; ) {
      const page = await until(() => client.listBins({ limit: 200, cursor }), abort.signal);
      found.push(...page.bins);
      if (!(cursor = page.cursor)) break;
    }
    all.value = found.sort((a, b) => a.name.localeCompare(b.name));
  } catch (e) {
    problem.value = failure(e);
  }
}

/** make makes a bin, and opens the bin. */
export async function make(name: string): Promise<Bin | null> {
  try {
    const made = (await client.createBin({ name })).bin!;
    problem.value = null;
    void list();
    return made;
  } catch (e) {
    problem.value = failure(e);
    return null;
  }
}

/** An Edit is one edit in the words of bin.proto. */
export type Edit = MessageInitShape<typeof BinEditSchema>["edit"];

/** edit makes edits of a bin. seen is the revision that the person saw. The secrets of new links are returned. Lost answers are asked for again: every edit may be made twice. */
export async function edit(of: Bin, edits: Edit[], seen = of.revision): Promise<BinLink[] | null> {
  const messages = edits.map((e) => create(BinEditSchema, { edit: e }));
  try {
    const abort = new AbortController();
    const links: BinLink[] = [];
    for (let i = 0; i < messages.length; i += 200) {
      const part = messages.slice(i, i + 200);
      const answer = await until(() => client.editBin({ bin: of.id, link: linkOf(of.id), seen, edits: part }), abort.signal);
      show(answer.bin!);
      links.push(...answer.links);
      if (answer.conflicts.length) conflicts.value = conflicts.value.concat(answer.conflicts.map((conflict) => ({ conflict, edit: part[conflict.edit]! })));
      seen = answer.conflicts.length ? seen : answer.bin!.revision;
    }
    problem.value = null;
    return links;
  } catch (e) {
    problem.value = failure(e);
    return null;
  }
}

// show shows a newer revision of the open bin.
function show(b: Bin): void {
  if (place.value.bin === b.id && (bin.value?.id !== b.id || bin.value.revision <= b.revision)) bin.value = b;
}

/** makeMine makes an edit that was in conflict over what stands there now. */
export function makeMine(i: number): void {
  const { edit: e } = conflicts.value[i]!;
  keepTheirs(i);
  if (bin.value) void edit(bin.value, [e.edit as Edit]);
}

/** keepTheirs forgets an edit that was in conflict. */
export function keepTheirs(i: number): void {
  conflicts.value = conflicts.value.filter((_, k) => k !== i);
}

/** remove deletes a bin of the person. */
export async function remove(of: Bin): Promise<void> {
  try {
    await client.deleteBin({ bin: of.id, seen: of.revision });
    go({ bin: "" });
    void list();
  } catch (e) {
    problem.value = failure(e);
  }
}

/** restore makes the open bin again as the bin was. Returns how many clips were left out. */
export async function restore(of: Bin, revision: bigint): Promise<number | null> {
  try {
    const answer = await client.restoreBin({ bin: of.id, link: linkOf(of.id), seen: of.revision, revision });
    show(answer.bin!);
    return answer.leftOut;
  } catch (e) {
    problem.value = failure(e);
    return null;
  }
}

async function follow(id: string, abort: AbortSignal): Promise<void> {
  for (let pause = 500; !abort.aborted; pause = Math.min(pause * 2, 10_000)) {
    try {
      const known = bin.value?.id === id ? bin.value.tag : "";
      for await (const m of client.watchBin({ bin: id, link: linkOf(id), known }, { signal: abort })) {
        pause = 500;
        if (m.bin) {
          show(m.bin);
          problem.value = null;
        }
      }
    } catch (e) {
      const f = failure(e);
      if (abort.aborted) return;
      if (!f.away && f.kind !== "exhausted" && f.kind !== "cancelled" && f.kind !== "internal") {
        bin.value = null;
        problem.value = f;
        void list();
        return;
      }
    }
    await rest(pause, abort).catch(() => undefined);
  }
}

/** begin follows the bin of the address. The returned function ends the following. */
export function begin(): () => void {
  takeLink();
  void list();
  let running: AbortController | null = null;
  let open = "";
  const stop = effect(() => {
    const id = place.value.bin.includes(":") ? "" : place.value.bin;
    if (id === open) return;
    open = id;
    running?.abort();
    conflicts.value = [];
    if (bin.peek()?.id !== id) bin.value = null;
    if (!id) return;
    problem.value = null;
    running = new AbortController();
    void follow(id, running.signal);
  });
  return () => {
    stop();
    running?.abort();
  };
}
