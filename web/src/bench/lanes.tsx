// The lanes: what each kind says of the film, line by line, over one axis of time.
import { useEffect, useRef } from "preact/hooks";
import type { CatalogKind } from "../generated/cinedex/v1/catalog_pb";
import type { Annotation } from "../generated/cinedex/v1/noun_pb";
import { kindName, laneName } from "../store/catalog";
import { languageName, t } from "../words/words";
import { drawn, hits, kinds, more, track, tracks, view } from "./annotations";
import { secondsOf, second, spanOf } from "./clock";
import { Tool } from "./controls";
import { film, frame, label, mark, playing, span, within } from "./film";
import { doings } from "./keys";
import { LaneIcon } from "./laneicon";
import { pause, seek } from "./player";
import { peaks, wave } from "./waveform";

type Item = { start: bigint; end: bigint; text: string; language?: string; height?: number };
type Lane = { key: string; name: string; hint: string; icon?: string; items: Item[]; curve?: boolean };

/** Rows of a lane; further annotations share the last. */
const rows = 3;
/** How many annotations a lane draws. */
const most = 400;
const shortest = second / 2n;

const textOf = (a: Annotation): string => a.text || a.label || a.character || "";
const itemOf = (a: Annotation): Item => ({ start: a.start, end: a.end, text: textOf(a), language: a.language });

function lanesOf(): Lane[] {
  const byLane = new Map<string, CatalogKind[]>();
  for (const k of kinds.value) if (k.lane) byLane.set(k.lane, [...(byLane.get(k.lane) ?? []), k]);
  const lanes: Lane[] = [];
  if (hits.value.length) {
    lanes.push({
      key: "hits", name: t("bench.hits"), hint: t("bench.hits.hint"), curve: true,
      items: hits.value.map((h) => ({ start: h.start, end: h.end, text: h.text || `${h.titleName || h.title} ${h.startTimecode}`, language: h.language, height: h.confidence || 0.5 })),
    });
  }
  for (const [lane, of] of byLane) {
    const [k] = of as [CatalogKind];
    if (k.inLanguage) {
      for (const x of tracks.value.filter((x) => x.kind.lane === lane)) {
        lanes.push({ key: x.key, name: `${kindName(x.kind.kind)} · ${languageName(x.language || "und")}`, hint: k.hint, icon: k.icon, items: x.lines.map(itemOf) });
      }
      continue;
    }
    const names = new Set(of.map((k) => k.kind));
    const items = drawn.value.filter((a) => names.has(a.kind)).map(itemOf);
    if (items.length) lanes.push({ key: lane, name: laneName(of), hint: k.hint, icon: k.icon, items });
  }
  const speaking = (track.value?.lines ?? []).filter((a) => a.character);
  if (speaking.length) lanes.push({ key: "characters", name: t("bench.characters"), hint: t("bench.characters.hint"), icon: "person", items: speaking.map((a) => ({ ...itemOf(a), text: a.character })) });
  return lanes;
}

/** scaled is a time as a share of the view, in percent. */
const scaled = (time: bigint): number => {
  const [from, to] = view.value;
  return (100 * Number(time - from)) / Number(to - from);
};

/** look shows a part of the film, within the film. */
export function look(from: bigint, to: bigint): void {
  const f = film.peek();
  if (!f) return;
  const all = f.clock.start(f.clock.frames);
  let length = to - from < shortest ? shortest : to - from;
  if (length > all) length = all > 0n ? all : second;
  const start = from < 0n ? 0n : from + length > all ? all - length : from;
  view.value = [start < 0n ? 0n : start, (start < 0n ? 0n : start) + length];
}

/** zoom makes the view longer or shorter around the frame that shows. */
function zoom(by: number): void {
  const [from, to] = view.peek();
  const f = film.peek();
  if (!f) return;
  const now = f.clock.start(frame.peek());
  const around = from <= now && now <= to ? now : (from + to) / 2n;
  const share = (n: bigint) => BigInt(Math.round(Number(n) * by));
  look(around - share(around - from), around + share(to - around));
}

function Items({ lane }: { lane: Lane }) {
  const [from, to] = view.value;
  const f = film.value!;
  const seen = lane.items.filter((i) => i.end >= from && i.start < to).slice(0, most);
  const ends: bigint[] = [];
  // One stop of the Tab key for each lane: the arrows go on.
  const move = (e: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    const all = [...(e.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("button")];
    const to = all[all.indexOf(document.activeElement as HTMLElement) + (by ?? 0)];
    if (!by || !to) return;
    e.preventDefault();
    to.focus();
  };
  const buttons = seen.map((i, n) => {
    let row = ends.findIndex((end) => end <= i.start);
    if (row < 0) row = Math.min(ends.length, rows - 1);
    ends[row] = i.end;
    const left = Math.max(scaled(i.start), 0);
    const [first, behind] = spanOf(f.clock, i.start, i.end);
    return (
      <button
        type="button" tabIndex={n ? -1 : 0} lang={i.language || undefined} dir="auto"
        title={i.text ? `${label(first)} ${i.text}` : label(first)} aria-label={`${i.text || lane.name}, ${label(first)}`}
        style={{ left: `${left}%`, width: `${Math.min(scaled(i.end), 100) - left}%`, top: lane.curve ? 0 : `${row * 1.5}em` }}
        onClick={() => { pause(); seek(first); }}
        onDblClick={() => { mark("in", first); mark("out", behind); }}
        onKeyDown={(e) => { if (e.key === "m") { mark("in", first); mark("out", behind); } }}
      >
        {i.text}
      </button>
    );
  });
  return (
    <div class={lane.curve ? "track curve" : "track"} role="group" aria-label={lane.name} style={{ height: lane.curve ? "2.6em" : `${Math.max(ends.length, 1) * 1.5}em` }} onKeyDown={move}>
      {lane.curve && <Curve items={seen} />}
      {buttons}
    </div>
  );
}

/** Curve draws the confidence of the hits over time. */
function Curve({ items }: { items: Item[] }) {
  const d = items.reduce((path, i) => {
    const [a, b, y] = [scaled(i.start), scaled(i.end), 100 - 96 * (i.height ?? 0)];
    return `${path}L${a.toFixed(2)} 100L${a.toFixed(2)} ${y.toFixed(1)}L${Math.max(b, a + 0.3).toFixed(2)} ${y.toFixed(1)}L${Math.max(b, a + 0.3).toFixed(2)} 100`;
  }, "M0 100");
  return <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true"><path d={`${d}L100 100Z`} /></svg>;
}

/** Sound draws the waveform. */
function Sound() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const w = wave.value;
  const [from, to] = view.value;
  useEffect(() => {
    const c = canvas.current;
    const g = c?.getContext("2d");
    if (!c || !g || !w) return;
    const width = (c.width = Math.max(1, Math.round(c.clientWidth * devicePixelRatio)));
    const height = (c.height = Math.max(1, Math.round(c.clientHeight * devicePixelRatio)));
    g.fillStyle = getComputedStyle(c).color;
    for (const [x, [low, high]] of peaks(w, secondsOf(from), secondsOf(to), width).entries()) {
      g.fillRect(x, ((1 - high) / 2) * height, 1, Math.max(((high - low) / 2) * height, 1));
    }
  }, [w, from, to]);
  if (!w) return null;
  return (
    <div class="lane">
      <span class="lane-name">{t("bench.sound")}</span>
      <div class="track sound"><canvas ref={canvas} aria-hidden="true" /></div>
    </div>
  );
}

/** Ruler goes to frames: by the pointer, and by the arrow keys. */
function Ruler() {
  const f = film.value!;
  const [from, to] = view.value;
  const at = (e: PointerEvent): bigint => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    const share = Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1);
    return within(f, f.clock.at(from + BigInt(Math.round(share * Number(to - from)))));
  };
  const marks = Array.from({ length: 5 }, (_, i) => f.clock.at(from + ((to - from) * BigInt(i)) / 5n));
  const keyed = (e: KeyboardEvent) => {
    const one = f.scale.fps;
    const by = ({ ArrowRight: 1n, ArrowLeft: -1n, ArrowUp: 1n, ArrowDown: -1n, PageUp: one, PageDown: -one } as Record<string, bigint>)[e.key];
    const to = e.key === "Home" ? 0n : e.key === "End" ? f.clock.frames : by === undefined ? undefined : frame.peek() + by;
    if (to === undefined) return;
    e.preventDefault();
    pause();
    seek(to);
  };
  return (
    <div
      class="track ruler" role="slider" tabIndex={0} aria-label={t("bench.position")} aria-valuemin={0} aria-valuemax={Number(f.clock.frames - 1n)} aria-valuenow={Number(frame.value)} aria-valuetext={label(frame.value)}
      onKeyDown={keyed}
      onPointerDown={(e) => { if (e.button === 0) { e.currentTarget.setPointerCapture(e.pointerId); pause(); seek(at(e)); } }}
      onPointerMove={(e) => { if (e.currentTarget.hasPointerCapture(e.pointerId)) seek(at(e)); }}
    >
      {marks.map((n, i) => <span style={{ left: `${i * 20}%` }}>{label(n)}</span>)}
    </div>
  );
}

/** Head is the line of the frame that shows, over all lanes; and the marked range. */
function Head() {
  const f = film.value!;
  const now = scaled(f.clock.start(frame.value));
  const s = span.value;
  const [a, b] = s ? [scaled(f.clock.start(s[0])), scaled(f.clock.start(s[1]))] : [0, 0];
  return (
    <div class="over" aria-hidden="true">
      {s && b > 0 && a < 100 && <i class="range" style={{ left: `${Math.max(a, 0)}%`, width: `${Math.min(b, 100) - Math.max(a, 0)}%` }} />}
      {now >= 0 && now <= 100 && <i class="now" style={{ left: `${now}%` }} />}
    </div>
  );
}

// follow moves the view with the film that plays.
function follow(): void {
  const f = film.peek();
  if (!f) return;
  const now = f.clock.start(frame.value);
  const [from, to] = view.peek();
  if (now >= from && now < to) return;
  const length = to - from;
  look(playing.peek() ? now - length / 20n : now - length / 2n, 0n + (playing.peek() ? now - length / 20n : now - length / 2n) + length);
}

export function Lanes() {
  const f = film.value;
  useEffect(() => {
    if (!f) return;
    const around = 60n * second;
    const now = f.clock.start(frame.peek());
    look(now - around, now + around);
  }, [f]);
  useEffect(follow, [frame.value]);
  useEffect(() => {
    const all = () => look(0n, film.peek()?.clock.start(film.peek()!.clock.frames) ?? 0n);
    Object.assign(doings, { in: () => zoom(0.5), out: () => zoom(2), fit: all });
  }, []);
  if (!f) return null;
  const wheel = (e: WheelEvent) => {
    const [from, to] = view.peek();
    if (e.ctrlKey) {
      e.preventDefault();
      zoom(e.deltaY > 0 ? 1.25 : 0.8);
    } else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) {
      e.preventDefault();
      const by = BigInt(Math.round(((e.deltaX || e.deltaY) / 800) * Number(to - from)));
      look(from + by, to + by);
    }
  };
  return (
    <section class="lanes" aria-label={t("bench.lanes")} onWheel={wheel}>
      <div class="lanes-head">
        <Tool icon="zoomOut" name="bench.zoomOut" run={() => zoom(2)} />
        <Tool icon="zoomIn" name="bench.zoomIn" run={() => zoom(0.5)} />
        <Tool icon="fit" name="bench.fit" run={() => doings.fit?.()} />
        {more.value && <span class="quiet small" role="status">{t("bench.more")}</span>}
      </div>
      <div class="lanes-body">
        <div class="lane"><span class="lane-name">{t("bench.time")}</span><Ruler /></div>
        <Sound />
        {lanesOf().map((lane) => (
          <div class="lane" key={lane.key} data-lane={lane.key}>
            <span class="lane-name" title={lane.hint}>{lane.icon !== undefined && <LaneIcon name={lane.icon} />}{lane.name}</span>
            <Items lane={lane} />
          </div>
        ))}
        <Head />
      </div>
    </section>
  );
}

