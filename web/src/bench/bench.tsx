// The bench: the film, and all that is known of the film, beside the hits.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { go, place } from "../url";
import { t } from "../words/words";
import { begin as beginAnnotations } from "./annotations";
import { Controls, Tool } from "./controls";
import { film, frame, load, playing, problem } from "./film";
import { begin as beginKeys, bindings, everywhere, setEverywhere } from "./keys";
import { Lanes } from "./lanes";
import { opened, playsNow } from "./open";
import { play, seek } from "./player";
import { Screen } from "./screen";
import { begin as beginSource, fresh, source } from "./source";
import { Transcript } from "./transcript";
import { begin as beginWaveform } from "./waveform";

function Keys() {
  return (
    <details class="keys">
      <summary>{t("bench.keys")}</summary>
      <label><input type="checkbox" checked={everywhere.value} onChange={(e) => setEverywhere(e.currentTarget.checked)} /> {t("bench.keys.everywhere")}</label>
      <dl>
        {bindings.map((b) => <div><dt><kbd>{b.shown}</kbd></dt><dd>{t(b.name)}</dd></div>)}
      </dl>
    </details>
  );
}

export function Bench() {
  const bench = useRef<HTMLElement>(null);
  const known = useSignal("");
  /** The frame that the bench itself has just written into the address. */
  const own = useRef<bigint | null>(null);
  const { asset, frame: at } = place.value;
  useEffect(() => {
    // A link to a moment puts the hands on the film. Whoever is among the hits or in the box stays there.
    const on = document.activeElement;
    if (!on || on === document.body) bench.current?.focus();
    const ends = [beginAnnotations(), beginWaveform(), beginSource(), beginKeys(() => bench.current)];
    return () => ends.forEach((end) => end());
  }, []);
  useEffect(() => {
    const mine = own.current === at;
    own.current = null;
    if (known.value !== asset) {
      known.value = asset;
      fresh();
      frame.value = at;
      void load(asset).then(() => {
        seek(at);
        if (playsNow(asset)) play(1);
      });
    } else {
      // The film may have gone on since the bench wrote the address. An address of the bench's own leads nowhere.
      if (!mine && at !== frame.peek()) seek(at);
      if (playsNow(asset)) play(1);
    }
  }, [asset, at, opened.value]);
  // The address has the frame at which the film stands. An address that changes before the frame is written leads the film.
  useEffect(() => {
    if (playing.value || !film.value) return;
    const timer = setTimeout(() => {
      const now = place.peek();
      const stands = frame.peek();
      if (now.asset !== film.peek()?.asset.id || now.frame !== at || stands === at) return;
      own.current = stands;
      go({ frame: stands }, false);
    }, 250);
    return () => clearTimeout(timer);
  }, [frame.value, playing.value]);
  // Returns false where the browser refuses.
  const full = (): Promise<boolean> => (document.fullscreenElement ? document.exitFullscreen() : bench.current!.requestFullscreen()).then(() => true, () => false);
  const close = () => go({ asset: "" });
  const title = film.value?.asset.title;
  return (
    <section ref={bench} class="bench" tabIndex={-1} aria-label={t("bench.name")} onKeyDown={(e) => { if (e.key === "Escape" && !e.defaultPrevented && !document.fullscreenElement) close(); }}>
      <header class="bench-head">
        <h2 dir="auto">{title ? title.name || title.id : t("bench.loading")}</h2>
        {source.value.proxy && <span class="badge" title={t("bench.proxy.hint")}>{t("bench.proxy")}</span>}
        <Tool icon="close" name="bench.close" run={close} />
      </header>
      {problem.value && <p class="bad" role="alert">{problem.value.text}</p>}
      {film.value && (
        <>
          <Screen />
          <Controls full={full} />
          <Lanes />
          <Transcript />
          <Keys />
          {title?.credit && <p class="quiet small">{title.credit}</p>}
        </>
      )}
    </section>
  );
}
