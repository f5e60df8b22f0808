// The markers of a clip: where, what and which colour.
import { useRef } from "preact/hooks";
import type { Bin, Clip } from "../generated/cinedex/v1/bin_pb";
import { edit } from "../store/bins";
import { place } from "../url";
import { t, type Key } from "../words/words";
import { colours, frameOf, framesIn } from "./frames";

export const colourName = (c: string): string => t(`colour.${c || "none"}` as Key);

export function Colour({ value, label, disabled, onChange }: { value: string; label: string; disabled?: boolean; onChange?: (c: string) => void }) {
  return (
    <span class={`colour ${value ? `colour-${value}` : ""}`}>
      <select name="colour" aria-label={label} value={value} disabled={disabled} onChange={(e) => onChange?.(e.currentTarget.value)}>
        {colours.map((c) => <option value={c}>{colourName(c)}</option>)}
      </select>
    </span>
  );
}

export function Markers({ of, clip }: { of: Bin; clip: Clip }) {
  const form = useRef<HTMLFormElement>(null);
  const frame = frameOf(clip);
  // The frame that the bench shows, where the frame is of the clip; else the beginning.
  const first = clip.start - clip.handleBefore;
  const shown = place.value.asset === clip.asset ? clip.start + (place.value.frame - clip.startFrame) * frame : clip.start;
  const at = shown >= first && shown < clip.end + clip.handleAfter ? shown : clip.start;
  return (
    <details class="markers" open={clip.markers.length > 0}>
      <summary>{t("clip.markers", { n: clip.markers.length })}</summary>
      {clip.markers.length > 0 && (
        <ul>
          {clip.markers.map((m) => (
            <li key={m.id} class={m.colour ? `colour-${m.colour}` : ""}>
              <span class="swatch" aria-hidden="true" />
              <span class="num">{t("clip.at", { n: Number(clip.startFrame) + framesIn(clip, m.time - clip.start) })}</span>
              <span dir="auto">{m.text || colourName(m.colour)}</span>
              {of.editable && (
                <button type="button" class="plain" aria-label={t("clip.unmark", { text: m.text || colourName(m.colour) })} onClick={() => void edit(of, [{ case: "removeMarker", value: { clip: clip.id, marker: m.id } }])}>×</button>
              )}
            </li>
          ))}
        </ul>
      )}
      {of.editable && (
        <form
          ref={form}
          class="row-form"
          onSubmit={(e) => {
            e.preventDefault();
            const f = new FormData(e.currentTarget);
            void edit(of, [{ case: "putMarker", value: { clip: clip.id, marker: { id: crypto.randomUUID(), time: at, text: String(f.get("text")), colour: String(f.get("colour")) } } }])
              .then((done) => done && form.current?.reset());
          }}
        >
          <input name="text" maxLength={500} aria-label={t("clip.marker.text")} placeholder={t("clip.marker.text")} />
          <Colour value="" label={t("clip.marker.colour")} />
          <button>{t("clip.mark", { n: Number(clip.startFrame) + framesIn(clip, at - clip.start) })}</button>
        </form>
      )}
    </details>
  );
}
