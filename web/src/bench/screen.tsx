// The picture: the film, the subtitles on the picture, and the part of the paused picture that a person draws.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../words/words";
import { linesAt, track } from "./annotations";
import { film, frame, playing } from "./film";
import { ask, between, type Part } from "./part";
import { another, attach, toggle } from "./player";
import { making, retry, source, unplayable, way, wrongFrame } from "./source";

/** Subtitles stand on the picture. */
function Subtitles() {
  const f = film.value;
  if (!f) return null;
  const lines = linesAt(track.value, f.clock.start(frame.value));
  return (
    <div class="subtitles" aria-hidden="true">
      {lines.map((a) => <p lang={a.language || undefined} dir="auto">{a.text}</p>)}
    </div>
  );
}

/** Draw takes a rectangle that a person draws over the paused picture. A click plays on. */
function Draw({ video }: { video: () => HTMLVideoElement | null }) {
  const from = useSignal<{ x: number; y: number } | null>(null);
  const to = useSignal<{ x: number; y: number } | null>(null);
  const place = (e: PointerEvent) => {
    const box = (e.currentTarget as Element).getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  };
  const part = (): Part | null => {
    const v = video();
    if (!v?.videoWidth || !from.value || !to.value) return null;
    return between(from.value, to.value, v.getBoundingClientRect(), { width: v.videoWidth, height: v.videoHeight });
  };
  const [a, b] = [from.value, to.value];
  return (
    <div
      class="draw"
      title={t("bench.draw")}
      onPointerDown={(e) => {
        if (e.button !== 0) return;
        from.value = to.value = place(e);
        e.currentTarget.setPointerCapture(e.pointerId);
      }}
      onPointerMove={(e) => { if (from.value) to.value = place(e); }}
      onPointerCancel={() => { from.value = to.value = null; }}
      onPointerUp={() => {
        const p = part();
        const [a, b] = [from.value, to.value];
        from.value = to.value = null;
        if (a && b && Math.hypot(a.x - b.x, a.y - b.y) < 6) toggle();
        else if (p && p.w >= 0.03 && p.h >= 0.03) ask(p);
      }}
    >
      {a && b && <i style={{ left: `${Math.min(a.x, b.x)}px`, top: `${Math.min(a.y, b.y)}px`, width: `${Math.abs(a.x - b.x)}px`, height: `${Math.abs(a.y - b.y)}px` }} />}
    </div>
  );
}

/** Notes tells that the picture may be a neighbour of the frame, and how far the proxy is: over the picture where nothing plays, and on the edge of the picture
 * where the file plays meanwhile. */
function Notes() {
  const m = making.value;
  const nothing = way.value === "none";
  const inexact = wrongFrame.value && !nothing;
  if (!m && !nothing && !inexact) return null;
  const share = Math.floor((m?.done ?? 0) * 100);
  return (
    <div class={nothing ? "unplayable" : "notes"}>
      {inexact && <p class="inexact" role="status">{t("bench.inexact")}</p>}
      {(m || nothing) && (
        <p role={m?.step === "failed" || m?.step === "denied" ? "alert" : "status"}>
          {nothing && t("bench.unplayable")} {m && t(`bench.proxy.${m.step}`, { role: m.role })}
        </p>
      )}
      {m?.step === "making" && <p class="making"><progress max={100} value={share} aria-label={t("bench.proxy.done")} /> <span aria-hidden="true">{t("bench.proxy.share", { n: share })}</span></p>}
      {m?.text && <p class="small" lang="en">{m.text}</p>}
      {m?.step === "failed" && <p><button type="button" onClick={retry}>{t("bench.proxy.retry")}</button></p>}
    </div>
  );
}

export function Screen() {
  const video = useRef<HTMLVideoElement>(null);
  const src = source.value.url;
  useEffect(() => {
    attach(video.current);
    return () => attach(null);
  }, []);
  useEffect(() => {
    if (src) another();
  }, [src]);
  return (
    <div class="screen">
      <video ref={video} src={src || undefined} preload="auto" playsInline onClick={toggle} onError={() => { if (source.peek().url) unplayable(); }} aria-label={t("bench.picture")} />
      {!playing.value && src && <Draw video={() => video.current} />}
      <Subtitles />
      <Notes />
    </div>
  );
}
