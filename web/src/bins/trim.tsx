// The in and out points of a clip as two handles on a line, and the handles of the hand-off.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Bin, Clip } from "../generated/cinedex/v1/bin_pb";
import { edit } from "../store/bins";
import { t } from "../words/words";
import { flicksOfSecond, frameOf, framesIn } from "./frames";

/** How much of the film the line shows before and behind the clip. */
const margin = 3n * flicksOfSecond;

type Span = { start: bigint; end: bigint };

export function Trim({ of, clip }: { of: Bin; clip: Clip }) {
  const line = useRef<HTMLDivElement>(null);
  const draft = useSignal<Span | null>(null);
  const timer = useRef(0);
  const seen = useRef(of.revision);
  const frame = frameOf(clip);
  const from = clip.start > margin ? clip.start - margin : 0n;
  const to = clip.end + margin;
  const now = draft.value ?? clip;
  useEffect(() => { draft.value = null; }, [clip.start, clip.end]);
  const share = (at: bigint): string => `${(Number(at - from) / Number(to - from)) * 100}%`;
  const change = (side: "start" | "end", at: bigint) => {
    if (!draft.value) seen.current = of.revision;
    const next = { start: now.start, end: now.end };
    if (side === "start") next.start = at < 0n ? 0n : at > now.end - frame ? now.end - frame : at;
    else next.end = at < now.start + frame ? now.start + frame : at;
    draft.value = next;
  };
  const commit = () => {
    clearTimeout(timer.current);
    const d = draft.value;
    if (d) void edit(of, [{ case: "trim", value: { clip: clip.id, ...d, handleBefore: clip.handleBefore, handleAfter: clip.handleAfter } }], seen.current).then((done) => { if (!done) draft.value = null; });
  };
  const handle = (side: "start" | "end") => {
    const frames = Number((now[side] - clip[side]) / frame);
    const at = Number(side === "start" ? clip.startFrame : clip.endFrame) + frames;
    return (
      <button
        type="button"
        role="slider"
        class={`trim-${side}`}
        style={{ insetInlineStart: share(now[side]) }}
        disabled={!of.editable}
        aria-label={t(side === "start" ? "clip.in" : "clip.out")}
        aria-valuemin={0}
        aria-valuemax={at + framesIn(clip, margin)}
        aria-valuenow={at}
        aria-valuetext={t("clip.frame", { n: at, by: frames })}
        onKeyDown={(e) => {
          const by: Record<string, bigint> = { ArrowLeft: -1n, ArrowRight: 1n, ArrowDown: -1n, ArrowUp: 1n, PageDown: -10n, PageUp: 10n };
          const step = by[e.key];
          if (step === undefined) return;
          e.preventDefault();
          change(side, now[side] + step * (e.shiftKey ? 10n : 1n) * frame);
          clearTimeout(timer.current);
          timer.current = window.setTimeout(commit, 600);
        }}
        onBlur={() => draft.value && commit()}
        onPointerDown={(e) => e.currentTarget.setPointerCapture(e.pointerId)}
        onPointerMove={(e) => {
          if (!e.currentTarget.hasPointerCapture(e.pointerId)) return;
          const box = line.current!.getBoundingClientRect();
          const part = Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1);
          const moved = (BigInt(Math.round(part * Number(to - from))) + from - clip[side]) / frame;
          change(side, clip[side] + moved * frame);
        }}
        onPointerUp={commit}
      />
    );
  };
  return (
    <div class="trim">
      <div class="trim-line" ref={line} dir="ltr">
        <span class="trim-handles" style={{ insetInlineStart: share(now.start - clip.handleBefore < from ? from : now.start - clip.handleBefore), insetInlineEnd: `calc(100% - ${share(now.end + clip.handleAfter > to ? to : now.end + clip.handleAfter)})` }} />
        <span class="trim-kept" style={{ insetInlineStart: share(now.start), insetInlineEnd: `calc(100% - ${share(now.end)})` }} />
        {handle("start")}
        {handle("end")}
      </div>
      {(["handleBefore", "handleAfter"] as const).map((side) => (
        <label class="small">
          {t(side === "handleBefore" ? "clip.before" : "clip.after")}{" "}
          <input
            type="number"
            min={0}
            max={10000}
            step={1}
            disabled={!of.editable}
            value={framesIn(clip, clip[side])}
            onChange={(e) => {
              const n = BigInt(Math.max(0, Math.min(10_000, Math.round(Number(e.currentTarget.value) || 0))));
              void edit(of, [{ case: "trim", value: { clip: clip.id, start: clip.start, end: clip.end, handleBefore: clip.handleBefore, handleAfter: clip.handleAfter, [side]: n * frame } }]);
            }}
          />
        </label>
      ))}
    </div>
  );
}
