// The hits by title: each title as a small timeline with a tick for each hit.
import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { searches } from "../api";
import type { Hit, TitleGroup } from "../generated/cinedex/v1/search_pb";
import { filmOf, filmsOf } from "../store/titles";
import { line, narrow } from "../store/line";
import { more, open, tongues, type Answer } from "../store/search";
import { go, inQuotes } from "../url";
import { t } from "../words/words";
import { gap } from "./layout";
import { Still } from "./still";
import { reason, Said } from "./text";
import { useRows } from "./virtual";

const height = 132;
/** Ticks of one title: further hits are counted, and not drawn. */
const mostTicks = 200;

// The hits of each title of an answer, read when the title comes into sight.
const read = signal(new Map<string, Hit[]>());
let readOf: unknown = null;

async function readTitle(of: Answer, title: string): Promise<void> {
  if (readOf !== of.first) {
    readOf = of.first;
    read.value = new Map();
  }
  if (read.value.has(title)) return;
  read.value = new Map(read.value).set(title, []);
  const answer = await searches.search({ q: `(${of.first.query}) title:${inQuotes(title)}`, limit: mostTicks, languages: tongues, order: "time", group: "none" })
    .catch(() => searches.search({ q: `${of.first.query} title:${inQuotes(title)}`, limit: mostTicks, languages: tongues, order: "time", group: "none" }))
    .catch(() => null);
  if (answer && readOf === of.first) read.value = new Map(read.value).set(title, answer.hits);
}

// counted tells how many moments of a title there are.
function counted(g: TitleGroup): string {
  const n = Number(g.matches?.count ?? 0n);
  if (!n) return t("group.near", { n: Number(g.near) });
  return t(g.matches?.exact ? "group.matches" : "group.matches.atleast", { n });
}

function Lane({ hits, title }: { hits: Hit[]; title: string }) {
  const over = useSignal<Hit | null>(null);
  const films = filmsOf(title);
  const lengths = films.map((f) => Number(f.duration));
  const whole = lengths.reduce((a, b) => a + b, 0) || Math.max(...hits.map((h) => Number(h.end)), 1);
  const startOf = (h: Hit) => {
    const i = films.findIndex((f) => f.id === h.asset);
    return Number(h.start) + lengths.slice(0, Math.max(i, 0)).reduce((a, b) => a + b, 0);
  };
  const step = (e: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!by) return;
    e.preventDefault();
    const all = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(".tick")];
    all[all.indexOf(document.activeElement as HTMLElement) + by]?.focus();
  };
  const at = over.value;
  return (
    <div class="lane-of" role="group" aria-label={t("group.lane")} onKeyDown={step} onPointerLeave={() => (over.value = null)}>
      {hits.map((h, i) => (
        <button
          key={`${h.asset}${h.start}`}
          type="button"
          class={h.near ? "tick near" : "tick"}
          tabIndex={i === 0 ? 0 : -1}
          style={{ left: `${(100 * startOf(h)) / whole}%`, width: `max(4px, ${(100 * Number(h.end - h.start)) / whole}%)` }}
          aria-label={`${h.startTimecode} ${h.text || reason(h)}`}
          onClick={() => open(h)}
          onPointerEnter={() => (over.value = h)}
          onFocus={() => (over.value = h)}
          onBlur={() => (over.value = null)}
        />
      ))}
      {at && (
        <div class="peek" style={{ left: `clamp(90px, ${(100 * startOf(at)) / whole}%, 100% - 90px)` }} aria-hidden="true">
          {at.thumbnail && <img src={at.thumbnail} alt="" />}
          <b>{at.startTimecode}</b> <span dir="auto">{at.text || reason(at)}</span>
        </div>
      )}
    </div>
  );
}

function Line({ of, group, hit }: { of: Answer; group: TitleGroup | undefined; hit: Hit }) {
  useEffect(() => void readTitle(of, hit.title), [of.first, hit.title]);
  const hits = read.value.get(hit.title) ?? [];
  return (
    <article class="line">
      <button type="button" class="hit poster" onClick={() => open(hit)} aria-label={`${hit.titleName || hit.title} ${hit.startTimecode}`}><Still hit={hit} /></button>
      <div class="line-body">
        <header>
          <h2 class="where" dir="auto"><span>{hit.titleName || hit.title}</span></h2>
          {group && <span class="of quiet">{counted(group)}</span>}
          <button type="button" class="plain small" onClick={() => {
            go({ byTitle: false, q: line() }, false);
            void narrow("title", hit.title, `title:${inQuotes(hit.title)}`);
          }}>{t("group.all")}</button>
        </header>
        <div class="line-said"><b>{hit.startTimecode}</b> <Said hit={hit} most={1} /> <span class="why">{reason(hit)}</span></div>
        <Lane hits={hits.length ? hits : [hit]} title={filmOf(hit.asset)?.of.title?.id ?? hit.title} />
      </div>
    </article>
  );
}

export function Timelines({ of, hits }: { of: Answer; hits: Hit[] }) {
  const list = useRef<HTMLDivElement>(null);
  const v = useRows(list, hits.length, () => height + gap, hits.length);
  const last = v.shown[v.shown.length - 1]?.index ?? 0;
  useEffect(() => {
    if (of.cursor && last + 8 >= hits.length) void more();
  }, [last, hits.length, of.cursor]);
  return (
    <div ref={list} class="lines" style={{ height: `${v.height}px` }}>
      {v.shown.map((item) => (
        <div key={item.index} class="line-at" style={{ transform: `translateY(${item.start - v.margin}px)`, height: `${height}px` }}>
          <Line of={of} hit={hits[item.index]!} group={of.first.groups[item.index]} />
        </div>
      ))}
    </div>
  );
}
