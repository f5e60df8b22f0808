// The transcript: the lines of the chosen track. A line leads to its frame, and the line that is spoken is lit as the film plays.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../words/words";
import { track } from "./annotations";
import { spanOf } from "./clock";
import { film, frame, label, playing } from "./film";
import { pause, seek } from "./player";
import { found } from "./find";

export function Transcript() {
  const words = useSignal("");
  const list = useRef<HTMLOListElement>(null);
  const f = film.value;
  const of = track.value;
  const lines = useComputed(() => (track.value?.lines ?? []).map((a) => ({ a, marks: found(`${a.character} ${a.text}`, words.value) })).filter((l) => !words.value.trim() || l.marks));
  const now = f && of ? of.lines.findIndex((a) => a.start <= f.clock.start(frame.value) && f.clock.start(frame.value) < a.end) : -1;
  const lit = now >= 0 ? of!.lines[now] : undefined;
  useEffect(() => {
    const box = list.current;
    const el = box?.querySelector<HTMLElement>("[aria-current]");
    if (!box || !el || (box.contains(document.activeElement) && !playing.peek())) return;
    box.scrollTop = el.offsetTop - box.clientHeight / 3; // without moving the page
  }, [lit]);
  if (!f || !of) return null;
  const shown = lines.value;
  return (
    <section class="transcript" aria-label={t("bench.transcript")}>
      <div class="transcript-head">
        <h3>{t("bench.transcript")}</h3>
        <input type="search" aria-label={t("bench.transcript.search")} placeholder={t("bench.transcript.search")} onInput={(e) => (words.value = e.currentTarget.value)} />
        <span class="quiet small" role="status">{words.value.trim() && t("bench.transcript.found", { n: shown.length })}</span>
      </div>
      <ol ref={list} tabIndex={-1}>
        {shown.map(({ a }) => {
          const [first] = spanOf(f.clock, a.start, a.end);
          return (
            <li key={`${a.run} ${a.ordinal}`} aria-current={a === lit ? "true" : undefined}>
              <button type="button" onClick={() => { pause(); seek(first); }}>
                <time>{label(first)}</time>
                <span lang={a.language || undefined} dir="auto">{a.character && <b>{a.character} </b>}<Marked text={a.text} words={words.value} /></span>
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Marked({ text, words }: { text: string; words: string }) {
  const at = words.trim() ? found(text, words) : null;
  if (!at) return <>{text}</>;
  return <>{text.slice(0, at[0])}<mark>{text.slice(at[0], at[1])}</mark>{text.slice(at[1])}</>;
}
