// The buttons of the bench.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { kindName } from "../store/catalog";
import { languageName, t, type Key } from "../words/words";
import { chosen, hits, track, tracks } from "./annotations";
import { collectRange } from "./collect";
import { jump, jumpHit, markHere, snap, snaps, type Snap } from "./edges";
import { Icon, type IconName } from "./icon";
import { bindings, doings } from "./keys";
import { film, frame, label, looping, markIn, markOut, playing, span, unmark } from "./film";
import { ask, parts } from "./part";
import { pause, play, seek, shuttle, speed, speeds, step, toggle } from "./player";
import { frameOf } from "./timecode";

const shownKey = (name: Key): string => bindings.find((b) => b.name === name)?.shown ?? "";

type ToolProps = { icon: IconName; name: Key; run: () => void; on?: boolean; off?: boolean };

/** A Tool is a button with an icon. The hint names the key. */
export function Tool({ icon, name, run, on, off }: ToolProps) {
  const key = shownKey(name);
  return (
    <button type="button" class={on ? "tool on" : "tool"} aria-label={t(name)} title={key ? `${t(name)} (${key})` : t(name)} aria-pressed={on} aria-keyshortcuts={key || undefined} disabled={off} onClick={run}>
      <Icon name={icon} />
    </button>
  );
}

/** Timecode shows the timecode of the frame, and takes a timecode or a number of a frame to go to. */
export function Timecode() {
  const box = useRef<HTMLInputElement>(null);
  const wrong = useSignal(false);
  const now = label(frame.value);
  useEffect(() => {
    if (box.current && box.current !== document.activeElement) box.current.value = now;
  }, [now]);
  useEffect(() => {
    doings.goto = () => { box.current?.focus(); box.current?.select(); };
  }, []);
  const goTo = (text: string) => {
    const f = film.value;
    if (!f) return;
    const n = /^\d+$/.test(text.trim()) ? BigInt(text.trim()) : frameOf(f.scale, text, f.clock.frames);
    wrong.value = n === undefined || n >= f.clock.frames;
    if (!wrong.value) {
      pause();
      seek(n!);
      box.current?.blur();
    }
  };
  return (
    <form class="timecode" onSubmit={(e) => { e.preventDefault(); goTo(box.current!.value); }}>
      <input
        ref={box} aria-label={t("bench.timecode")} title={t("bench.timecode.hint")} spellcheck={false} autocomplete="off" size={12}
        aria-invalid={wrong.value} aria-describedby={wrong.value ? "timecode-wrong" : undefined}
        onKeyDown={(e) => { if (e.key === "Escape") { e.stopPropagation(); wrong.value = false; box.current!.value = label(frame.value); box.current!.blur(); } }}
        onBlur={() => { if (!wrong.value) box.current!.value = label(frame.value); }}
      />
      <span class="frame-number">{t("bench.frame", { n: Number(frame.value) })}</span>
      {wrong.value && <span id="timecode-wrong" class="bad" role="alert">{t("bench.timecode.wrong")}</span>}
    </form>
  );
}

function Speed() {
  return (
    <select aria-label={t("bench.speed")} title={t("bench.speed")} value={String(speed.value)} onChange={(e) => { const s = Number(e.currentTarget.value); if (playing.value) play(s); else speed.value = s; }}>
      {[...new Set([speed.value, ...speeds])].sort((a, b) => a - b).map((s) => <option value={String(s)}>{s}×</option>)}
    </select>
  );
}

/** Tracks chooses the lines on the picture and in the transcript. */
function Tracks() {
  if (!tracks.value.length) return null;
  return (
    <select aria-label={t("bench.subtitles")} title={t("bench.subtitles")} value={track.value?.key ?? "none"} onChange={(e) => (chosen.value = e.currentTarget.value)}>
      <option value="none">{t("bench.subtitles.none")}</option>
      {tracks.value.map((x) => <option value={x.key}>{languageName(x.language || "und")} · {kindName(x.kind.kind)}</option>)}
    </select>
  );
}

/** Like asks for shots like the frame, or like a part of the frame. */
function Like() {
  return (
    <select
      class="like" aria-label={t("bench.like")} title={t("bench.like.hint")} value=""
      onChange={(e) => { const p = parts[e.currentTarget.value as keyof typeof parts]; e.currentTarget.value = ""; if (p) ask(p); }}
    >
      <option value="" disabled hidden>{t("bench.like")}</option>
      {Object.keys(parts).map((name) => <option value={name}>{t(`bench.part.${name as keyof typeof parts}`)}</option>)}
    </select>
  );
}

/** Marks tells the marked range. */
function Marks() {
  const s = span.value;
  if (!s) return <p class="marks quiet">{t("bench.marks.none")}</p>;
  return <p class="marks">{t("bench.marks", { in: label(s[0]), out: label(s[1]), n: Number(s[1] - s[0]) })}</p>;
}

export function Controls({ full }: { full: () => Promise<boolean> }) {
  const told = useSignal<Key | "">("");
  const copy = async () => {
    told.value = "";
    told.value = await navigator.clipboard.writeText(label(frame.value)).then(() => "bench.copied" as const, () => "bench.copied.not" as const);
  };
  const whole = async () => {
    told.value = "";
    told.value = (await full()) ? "" : "bench.full.not";
  };
  useEffect(() => {
    Object.assign(doings, { copy: () => void copy(), full: () => void whole(), collect: collectRange });
  });
  const some = hits.value.length === 0;
  return (
    <div class="controls">
      <div class="tools" role="group" aria-label={t("bench.controls")}>
        <Tool icon="stepBack" name="bench.stepBack" run={() => step(-1n)} />
        <Tool icon="reverse" name="bench.reverse" run={() => shuttle(-1)} on={playing.value && speed.value < 0} />
        <Tool icon={playing.value ? "pause" : "play"} name={playing.value ? "bench.pause" : "bench.play"} run={toggle} />
        <Tool icon="forward" name="bench.forward" run={() => shuttle(1)} on={playing.value && speed.value > 1} />
        <Tool icon="stepOn" name="bench.stepOn" run={() => step(1n)} />
        <span class="gap" />
        <Tool icon="previousEdge" name="bench.previousEdge" run={() => jump(-1)} />
        <Tool icon="nextEdge" name="bench.nextEdge" run={() => jump(1)} />
        <Tool icon="previousHit" name="bench.previousHit" run={() => jumpHit(-1)} off={some} />
        <Tool icon="nextHit" name="bench.nextHit" run={() => jumpHit(1)} off={some} />
        <span class="gap" />
        <Tool icon="in" name="bench.in" run={() => markHere("in")} on={markIn.value !== null} />
        <Tool icon="out" name="bench.out" run={() => markHere("out")} on={markOut.value !== null} />
        <Tool icon="loop" name="bench.loop" run={() => (looping.value = !looping.value)} on={looping.value} />
        <Tool icon="unmark" name="bench.unmark" run={unmark} off={!span.value} />
        <span class="gap" />
        <Tool icon="bin" name="bench.collect" run={collectRange} />
        <Tool icon="copy" name="bench.copy" run={() => void copy()} />
        <Tool icon="full" name="bench.full" run={() => void whole()} />
      </div>
      <div class="tools">
        <Timecode />
        <Speed />
        <select aria-label={t("bench.snap")} title={t("bench.snap")} value={snap.value} onChange={(e) => (snap.value = e.currentTarget.value as Snap)}>
          {snaps.map((s) => <option value={s}>{t(`bench.snap.${s}`)}</option>)}
        </select>
        <Tracks />
        <Like />
      </div>
      <Marks />
      <p class={told.value.endsWith(".not") ? "bad small" : "hidden-text"} role="status">{told.value && t(told.value)}</p>
    </div>
  );
}
