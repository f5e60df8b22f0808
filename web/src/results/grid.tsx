// The hits as a dense grid in two bands: matches, and what is near.
import { useEffect, useMemo, useRef } from "preact/hooks";
import { keyOf } from "../bins/collect";
import { Pick } from "../bins/pick";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { isOpen, more, open, type Answer } from "../store/search";
import { t } from "../words/words";
import { columns, gap, headHeight, rowsOf, wordsHeight } from "./layout";
import { Still } from "./still";
import { reason, Said } from "./text";
import { useRows, useWidth } from "./virtual";
import { current, focusHit } from "./keys";

function Tile({ hit, at, of }: { hit: Hit; at: number; of: number }) {
  return (
    <div role="listitem" class="tile" aria-setsize={of} aria-posinset={at + 1}>
      <button type="button" class="hit" id={`hit-${at}`} data-hit={at} data-moment={keyOf(hit)} aria-current={isOpen(hit) ? "true" : undefined} tabIndex={at === current.value ? 0 : -1} onClick={() => { current.value = at; open(hit); }} onFocus={() => (current.value = at)}>
        <Still hit={hit} />
        <span class="hit-body">
          <span class="where"><span dir="auto">{hit.titleName || hit.title}</span> <b>{hit.startTimecode}</b></span>
          <Said hit={hit} />
          <span class="why">{reason(hit)}{hit.character && ` · ${hit.character}`}</span>
        </span>
      </button>
      <Pick hit={hit} />
    </div>
  );
}

const waiting = <div class="tile" aria-hidden="true"><span class="hit waits"><span class="still no-still" /></span></div>;

// banded puts the matches before the hits that are near. Matches of further pages have their places already, as their count promises.
function banded(hits: Hit[], promised: number): { shown: (Hit | undefined)[]; matches: number } {
  const shown: (Hit | undefined)[] = hits.filter((h) => !h.near);
  shown.length = Math.max(shown.length, promised);
  const matches = shown.length;
  return { shown: shown.concat(hits.filter((h) => h.near)), matches };
}

export function Grid({ of, hits }: { of: Answer; hits: Hit[] }) {
  const list = useRef<HTMLDivElement>(null);
  const width = useWidth(list);
  const { across, tile } = columns(width || 1200);
  const promised = of.cursor ? Number(of.first.total?.count ?? 0n) : 0; // the exact count comes after the hits
  const { shown, matches } = useMemo(() => banded(hits, promised), [hits, promised]);
  const all = shown.length;
  const rows = useMemo(() => rowsOf(matches, all, across), [matches, all, across]);
  const tileHeight = Math.round((tile * 9) / 16) + wordsHeight(tile);
  const v = useRows(list, rows.length, (i) => ("head" in rows[i]! ? headHeight : tileHeight + gap), `${tileHeight} ${across} ${rows.length} ${matches}`);
  const last = v.shown.length ? rows[v.shown[v.shown.length - 1]!.index] : undefined;
  const reach = last && "to" in last ? last.to : 0;
  useEffect(() => {
    if (of.cursor && reach + across * 4 >= hits.length) void more();
  }, [reach, hits.length, of.cursor]);
  return (
    <div ref={list} role="list" class={tile < 180 ? "grid small" : "grid"} style={{ height: `${v.height}px` }} onKeyDown={(e) => focusHit(e, across, all, (row) => v.to(row), rows)}>
      {v.shown.map((item) => {
        const row = rows[item.index]!;
        const style = { transform: `translateY(${item.start - v.margin}px)` };
        if ("head" in row) return <div key={`${item.index}h`} role="listitem" class="band" style={style}><h2>{t(row.head === "near" ? "results.near" : "results.matches")}</h2></div>;
        const tiles = [];
        for (let i = row.from; i < row.to; i++) {
          const hit = shown[i];
          tiles.push(hit ? <Tile key={i} hit={hit} at={i} of={all} /> : waiting);
        }
        return <div key={item.index} role="presentation" class="row" style={{ ...style, height: `${tileHeight}px`, gridTemplateColumns: `repeat(${across}, ${tile}px)`, gap: `${gap}px` }}>{tiles}</div>;
      })}
    </div>
  );
}
