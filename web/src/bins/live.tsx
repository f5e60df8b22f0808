// Saved searches as bins that fill themselves: each new hit appears once, and a hit that is found no longer is told, also after a visit that was long ago.
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { failure, rest, savedSearches, searches } from "../api";
import { openBench } from "../bench/open";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import type { SavedSearch } from "../generated/cinedex/v1/saved_pb";
import { problem } from "../store/bins";
import { go, hrefOf, place } from "../url";
import { t } from "../words/words";
import { Basket } from "./basket";
import { keyOf, pick, selection } from "./collect";
import { Exporting } from "./exporting";

const prefix = "search:";
/** liveName is the name of the saved search that an address opens; "" of a bin. */
export const liveName = (bin: string): string => (bin.startsWith(prefix) ? bin.slice(prefix.length) : "");

const saved = signal<SavedSearch[] | null>(null);
/** How many hits of each saved search are new, and are found no longer, since the person looked. */
const fresh = signal<ReadonlyMap<string, { n: number; gone: number }>>(new Map());

const keptToken = (s: SavedSearch): string => `cinedex.live.${s.name}\n${s.search?.q ?? ""}`;
const setFresh = (name: string, n: number, gone: number) => (fresh.value = new Map(fresh.value).set(name, { n, gone }));
const overlap = (a: Hit, b: Hit): boolean => a.asset === b.asset && a.start < b.end && b.start < a.end;

async function list(): Promise<void> {
  try {
    saved.value = (await savedSearches.listSavedSearches({})).saved;
  } catch (e) {
    problem.value = failure(e);
  }
}

// count counts the hits since the kept token. The token stays: opening the search tells the hits.
async function count(s: SavedSearch, abort: AbortSignal): Promise<void> {
  const end = new AbortController();
  abort.addEventListener("abort", () => end.abort(), { once: true });
  let [n, gone] = [0, 0];
  try {
    for await (const m of savedSearches.watchSearch({ name: s.name, since: localStorage.getItem(keptToken(s)) ?? "" }, { signal: end.signal })) {
      if (!localStorage.getItem(keptToken(s))) localStorage.setItem(keptToken(s), m.token);
      n += m.hits.length;
      gone += m.gone.length;
      if (!m.hits.length && !m.gone.length) break; // the past is told
    }
  } catch (e) {
    if (!abort.aborted && failure(e).kind === "invalid") localStorage.removeItem(keptToken(s));
  }
  end.abort();
  if (!abort.aborted) setFresh(s.name, n, gone);
}

export function SavedList() {
  const name = useRef<HTMLInputElement>(null);
  const q = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const abort = new AbortController();
    void list().then(async () => {
      for (const s of saved.value ?? []) if (!abort.signal.aborted && liveName(place.value.bin) !== s.name) await count(s, abort.signal);
    });
    return () => abort.abort();
  }, []);
  return (
    <section aria-label={t("live.title")}>
      <h2>{t("live.title")}</h2>
      <ul class="bins">
        {(saved.value ?? []).map((s) => {
          const { n, gone } = fresh.value.get(s.name) ?? { n: 0, gone: 0 };
          return (
            <li key={s.name}>
              <a href={hrefOf({ view: "bins", bin: prefix + s.name })} aria-current={liveName(place.value.bin) === s.name ? "true" : undefined} onClick={(e) => { if (e.ctrlKey || e.metaKey || e.shiftKey) return; e.preventDefault(); go({ bin: prefix + s.name }); }}>
                <span dir="auto">{s.name}</span> {n > 0 && <span class="badge good">{t("live.new", { n })}</span>} {gone > 0 && <span class="badge">{t("live.removed", { n: gone })}</span>}
              </a>
            </li>
          );
        })}
      </ul>
      <details>
        <summary>{t("live.save")}</summary>
        <form
          class="row-form"
          onSubmit={(e) => {
            e.preventDefault();
            savedSearches.saveSearch({ saved: { name: name.current!.value.trim(), search: { q: q.current!.value.trim() } } })
              .then(() => { problem.value = null; name.current!.value = ""; return list(); }, (err: unknown) => (problem.value = failure(err)));
          }}
        >
          <input ref={q} required aria-label={t("live.q")} placeholder={t("live.q")} defaultValue={place.value.q} />
          <input ref={name} required maxLength={100} aria-label={t("live.name")} placeholder={t("live.name")} />
          <button>{t("live.do")}</button>
        </form>
      </details>
    </section>
  );
}

/** Row is a moment of a saved search. */
function Row({ hit: h, q, badge }: { hit: Hit; q: string | undefined; badge: ComponentChildren }) {
  return (
    <li class="clip">
      <input type="checkbox" checked={selection.value.has(keyOf(h))} aria-label={t("bins.pick", { title: h.titleName || h.title, at: h.startTimecode })} onChange={() => pick(h, false, undefined, q)} />
      <button type="button" class="poster" aria-label={t("clip.watch", { title: h.titleName || h.title, from: h.startTimecode })} onClick={() => openBench({ asset: h.asset, frame: h.startFrame })}>
        {h.thumbnail ? <img src={h.thumbnail} alt="" loading="lazy" /> : <span class="no-still" />}
      </button>
      <div class="clip-body">
        <p class="clip-where"><b dir="auto">{h.titleName || h.title}</b> <span class="num">{h.startTimecode} – {h.endTimecode}</span> {badge}</p>
        {h.text && <p class="clip-said" lang={h.language} dir="auto">{h.text}</p>}
      </div>
    </li>
  );
}

export function Live({ name }: { name: string }) {
  const hits = useSignal<Hit[] | null>(null);
  const isNew = useSignal<ReadonlySet<string>>(new Set());
  const removed = useSignal<Hit[]>([]);
  const exporting = useSignal(false);
  const of = (saved.value ?? []).find((s) => s.name === name);
  const known = of ? keptToken(of) : "";
  useEffect(() => {
    if (!of) return;
    const abort = new AbortController();
    void follow(of, abort.signal);
    setFresh(name, 0, 0);
    return () => abort.abort();
  }, [known]);
  async function follow(s: SavedSearch, abort: AbortSignal): Promise<void> {
    let pause = 500;
    while (!abort.aborted) {
      try {
        const first = await searches.search({ ...s.search!, limit: 200 }, { signal: abort });
        hits.value = first.hits.slice(0, Number(first.total?.count ?? 0n)); // the moments behind the matches are near, and no match
        for await (const m of savedSearches.watchSearch({ name: s.name, since: localStorage.getItem(known) ?? "" }, { signal: abort })) {
          pause = 500;
          localStorage.setItem(known, m.token);
          if (m.gone.length) {
            // The page knows what was said at the moment, where the server does not know any more.
            const withText = (g: Hit): Hit => (!g.text && hits.value?.find((h) => overlap(h, g))) || g;
            removed.value = [...m.gone.map(withText), ...removed.value.filter((r) => !m.gone.some((g) => overlap(g, r)))];
            hits.value = (hits.value ?? []).filter((h) => !m.gone.some((g) => overlap(g, h)));
          }
          if (!m.hits.length) continue;
          removed.value = removed.value.filter((r) => !m.hits.some((h) => overlap(h, r)));
          isNew.value = new Set([...isNew.value, ...m.hits.map(keyOf)]);
          const keys = new Set(m.hits.map(keyOf));
          hits.value = [...m.hits, ...(hits.value ?? []).filter((h) => !keys.has(keyOf(h)))];
        }
      } catch (e) {
        const f = failure(e);
        if (abort.aborted) return;
        if (f.kind === "invalid" || f.kind === "conflict") localStorage.removeItem(known);
        else if (f.kind === "notFound") { problem.value = f; return; }
      }
      await rest(pause, abort).catch(() => undefined);
      pause = Math.min(pause * 2, 10_000);
    }
  }
  if (saved.value && !of) return <p class="quiet">{t("live.gone")}</p>;
  return (
    <section class="bin" aria-label={name}>
      <div class="bin-name"><h2 dir="auto">{name}</h2></div>
      <p class="quiet small">{of?.search?.q}</p>
      <div class="bin-tools" role="group" aria-label={t("bins.tools")}>
        <button type="button" disabled={!hits.value?.length} onClick={() => { for (const h of hits.value ?? []) pick(h, false, true, of?.search?.q); }}>{t("live.pick")}</button>
        {of?.search?.q && <button type="button" class="primary" disabled={!hits.value?.length} onClick={() => (exporting.value = true)}>{t("export.open")}</button>}
        <button type="button" onClick={() => void savedSearches.deleteSavedSearch({ name }).then(() => { go({ bin: "" }); return list(); }, (e: unknown) => (problem.value = failure(e)))}>{t("bins.delete")}</button>
      </div>
      <p role="status" class="quiet">{hits.value ? t("live.told", { n: hits.value.length }) : t("part.loading")}{isNew.value.size > 0 && ` · ${t("live.new", { n: isNew.value.size })}`}{removed.value.length > 0 && ` · ${t("live.removed", { n: removed.value.length })}`}</p>
      <ul class="clips" aria-label={t("bins.clips")}>
        {(hits.value ?? []).map((h) => <Row key={keyOf(h)} hit={h} q={of?.search?.q} badge={isNew.value.has(keyOf(h)) && <span class="badge good">{t("live.badge")}</span>} />)}
      </ul>
      {removed.value.length > 0 && (
        <section aria-label={t("live.removed.title")}>
          <h3>{t("live.removed.title")}</h3>
          <p class="quiet small">{t("live.removed.hint")} <button type="button" onClick={() => (removed.value = [])}>{t("live.removed.clear")}</button></p>
          <ul class="clips" aria-label={t("live.removed.title")}>
            {removed.value.map((h) => <Row key={keyOf(h)} hit={h} q={of?.search?.q} badge={<span class="badge">{t("live.removed.badge")}</span>} />)}
          </ul>
        </section>
      )}
      <Basket />
      {exporting.value && <Exporting what={{ q: of!.search!.q }} close={() => (exporting.value = false)} />}
    </section>
  );
}
