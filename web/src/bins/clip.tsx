// A clip of a bin: poster, place, text, trim, notes and markers.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { openBench } from "../bench/open";
import { type Bin, type Clip, type ClipRerun, ClipVerdict } from "../generated/cinedex/v1/bin_pb";
import { edit } from "../store/bins";
import { languageName, t } from "../words/words";
import { Colour, Markers } from "./markers";
import { Trim } from "./trim";

const verdicts = { [ClipVerdict.UNSPECIFIED]: "", [ClipVerdict.SAME]: "rerun.same", [ClipVerdict.FOUND_AGAIN]: "rerun.again", [ClipVerdict.GONE]: "rerun.gone" } as const;

/** move puts a clip behind the clip before a place of the bin. */
export function move(of: Bin, clip: Clip, to: number): Promise<unknown> {
  const others = of.clips.filter((c) => c.id !== clip.id);
  const after = others[Math.max(0, Math.min(to, others.length)) - 1]?.id ?? "";
  return edit(of, [{ case: "move", value: { clip: clip.id, after } }]);
}

function Notes({ of, clip }: { of: Bin; clip: Clip }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const seen = useRef(of.revision);
  useEffect(() => {
    if (box.current && box.current !== document.activeElement) box.current.value = clip.notes;
  }, [clip.notes]);
  const write = (notes: string, colour: string) => {
    if (notes !== clip.notes || colour !== clip.colour) void edit(of, [{ case: "note", value: { clip: clip.id, notes, colour } }], seen.current);
    seen.current = of.revision;
  };
  return (
    <div class="clip-notes">
      <textarea
        ref={box}
        rows={1}
        maxLength={2000}
        dir="auto"
        readOnly={!of.editable}
        aria-label={t("clip.notes")}
        placeholder={t("clip.notes")}
        defaultValue={clip.notes}
        onFocus={() => (seen.current = of.revision)}
        onBlur={(e) => write(e.currentTarget.value, clip.colour)}
      />
      <Colour value={clip.colour} label={t("clip.colour")} disabled={!of.editable} onChange={(c) => { seen.current = of.revision; write(box.current!.value, c); }} />
    </div>
  );
}

export function ClipRow({ of, clip, at, rerun, drag }: { of: Bin; clip: Clip; at: number; rerun: ClipRerun | undefined; drag: { value: string } }) {
  const over = useSignal(false);
  const name = clip.titleName || clip.title;
  const moved = (to: number) => {
    const id = `move-${clip.id}`;
    void move(of, clip, to).then(() => requestAnimationFrame(() => document.getElementById(id)?.focus()));
  };
  const verdict = rerun && verdicts[rerun.verdict];
  return (
    <li
      class={`clip ${clip.colour ? `colour-${clip.colour}` : ""} ${over.value ? "over" : ""}`}
      aria-label={t("clip.label", { n: at + 1, title: name, from: clip.startTimecode })}
      onDragOver={(e) => { if (drag.value && drag.value !== clip.id) { e.preventDefault(); over.value = true; } }}
      onDragLeave={() => (over.value = false)}
      onDrop={(e) => {
        e.preventDefault();
        over.value = false;
        const dragged = of.clips.find((c) => c.id === drag.value);
        if (dragged) void move(of, dragged, at);
        drag.value = "";
      }}
    >
      {of.editable && (
        <button
          type="button"
          class="grip"
          id={`move-${clip.id}`}
          draggable
          aria-label={t("clip.move", { n: at + 1, of: of.clips.length })}
          title={t("clip.move.hint")}
          onDragStart={(e) => { drag.value = clip.id; e.dataTransfer?.setData("text/plain", clip.id); }}
          onDragEnd={() => (drag.value = "")}
          onKeyDown={(e) => {
            const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: of.clips.length - 1 }[e.key];
            if (to === undefined) return;
            e.preventDefault();
            if (to >= 0 && to < of.clips.length && to !== at) moved(to);
          }}
        >⠿</button>
      )}
      <button type="button" class="poster" aria-label={t("clip.watch", { title: name, from: clip.startTimecode })} onClick={() => openBench({ asset: clip.asset, frame: clip.startFrame })}>
        {clip.thumbnail ? <img src={clip.thumbnail} alt="" loading="lazy" /> : <span class="no-still" />}
      </button>
      <div class="clip-body">
        <p class="clip-where">
          <b dir="auto">{name}</b> <span class="num">{clip.startTimecode || clip.startFrame.toString()} – {clip.endTimecode || clip.endFrame.toString()}</span>
          {verdict && <span class={`badge ${rerun.verdict === ClipVerdict.GONE ? "bad" : "good"}`}>{t(verdict, { version: `${rerun.algorithm}@${rerun.version}` })}</span>}
        </p>
        {clip.text && <p class="clip-said" lang={clip.language} dir="auto">{clip.text}</p>}
        {clip.q && <p class="clip-why quiet small" title={clip.language ? languageName(clip.language) : undefined}>{t("clip.found", { q: clip.q, by: clip.algorithm ? `${clip.algorithm}@${clip.version}` : "–", percent: Math.round(clip.confidence * 100) })}</p>}
        <Trim of={of} clip={clip} />
        <Notes of={of} clip={clip} />
        <Markers of={of} clip={clip} />
      </div>
      {of.editable && <button type="button" class="plain" aria-label={t("clip.remove", { n: at + 1, title: name })} onClick={() => void edit(of, [{ case: "remove", value: { clip: clip.id } }])}>×</button>}
    </li>
  );
}
