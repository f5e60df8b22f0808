// The hits by title: each title as a small timeline with a tick for each hit.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { keyOf, pick, selection } from "../bins/collect";
import { Pick } from "../bins/pick";
import type { Hit, TitleGroup } from "../generated/cinedex/v1/search_pb";
import { filmOf, filmsOf } from "../store/titles";
import { line, narrow } from "../store/line";
import { hitsOf, readTitle } from "../store/bytitle";
import { isOpen, more, open, type Answer } from "../store/search";
import { inQuotes } from "../links";
import { go } from "../url";
import { t } from "../words/words";
import { gap } from "./layout";
import { Still } from "./still";
import { reason, Said } from "./text";
import { useRows } from "./virtual";

const height = 132;
// counted tells how many moments of a title there are.
function counted(g: TitleGroup): string {
  const n = Number(g.matches?.count ?? 0n);
  if (!n) return t("group.near", { n: Number(g.near) });
  return t(g.matches?.exact ? "group.matches" : "group.matches.atleast", { n });
}

// told is a tick in words.
function told(h: Hit): string {
  const moment = `${h.startTimecode} ${h.text || reason(h)}`;
  return selection.value.has(keyOf(h)) ? t("group.picked", { moment }) : moment;
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
          class={`tick${h.near ? " near" : ""}${selection.value.has(keyOf(h)) ? " picked" : ""}`}
          data-moment={keyOf(h)}
          aria-current={isOpen(h) ? "true" : undefined}
          tabIndex={i === 0 ? 0 : -1}
          style={{ left: `${(100 * startOf(h)) / whole}%`, width: `max(4px, ${(100 * Number(h.end - h.start)) / whole}%)` }}
          aria-label={told(h)}
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
  const hits = hitsOf(hit.title);
  const matches = hits.filter((h) => !h.near);
  return (
    <article class="line">
      <div class="tile">
        <button type="button" class="hit poster" data-moment={keyOf(hit)} aria-current={isOpen(hit) ? "true" : undefined} onClick={() => open(hit)} aria-label={`${hit.titleName || hit.title} ${hit.startTimecode}`}><Still hit={hit} /></button>
        <Pick hit={hit} />
      </div>
      <div class="line-body">
        <header>
          <h2 class="where" dir="auto"><span>{hit.titleName || hit.title}</span></h2>
          {group && <span class="of quiet">{counted(group)}</span>}
          {matches.length > 0 && (
            <button type="button" class="plain small pick-all" onClick={() => { for (const h of matches) pick(h, false, true); }}>{t("group.pick", { n: matches.length })}</button>
          )}
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
