// The dialog of an export: which program, which choices, what the export remarks, and the file.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { exports_, failure } from "../api";
import { linkOf } from "../store/bins";
import { t, type Key } from "../words/words";

/** An Export is what is handed over: a bin, or a search. */
export type Export = { bin: string } | { q: string; title?: string; language?: string };

const formats = ["otio", "otioz", "edl", "fcpxml", "xmeml", "ale", "avid", "resolve-edl", "resolve-csv", "protools", "webvtt", "srt", "ttml", "csv", "webannotation", "pdf", "clips"] as const;
type Format = (typeof formats)[number];
const subtitles: readonly Format[] = ["webvtt", "srt", "ttml"];
const sequences: readonly Format[] = ["otio", "otioz", "edl", "fcpxml", "xmeml"];
const labels: readonly Format[] = ["edl", "ale", "avid", "resolve-edl", "resolve-csv", "protools", "xmeml"];
const rates = ["", "23.976", "24", "25", "29.97", "30", "48", "50", "59.94", "60"];

type Choice = { format: Format; handles: number; language: string; rate: string; recordStart: string; reel: string; mediaBase: string; media: boolean; exact: boolean };

/** addressOf is the address of the file. */
export function addressOf(what: Export, c: Choice): string {
  const p = new URLSearchParams({ format: c.format });
  if ("bin" in what) p.set("bin", what.bin);
  else {
    p.set("q", what.q);
    if (what.title) p.set("title", what.title);
    if (what.language) p.set("lang", what.language);
  }
  if (c.handles) p.set("handles", String(c.handles));
  for (const [name, value] of [["language", c.language], ["rate", c.rate], ["record_start", c.recordStart], ["reel", c.reel], ["media_base", c.mediaBase]] as const) if (value) p.set(name, value);
  if (c.media && c.format === "otioz") p.set("media", "true");
  if (c.exact && c.format === "clips") p.set("exact", "true");
  return `/exports?${p}`;
}

const requestOf = (what: Export, c: Choice, check: boolean) => ({
  ...("bin" in what
    ? { bin: what.bin, link: linkOf(what.bin) }
    : { search: { q: what.q, filter: { titles: what.title ? [what.title] : [], languages: what.language ? [what.language] : [] } } }),
  format: c.format, handles: c.handles, language: c.language, rate: c.rate, recordStart: c.recordStart, reel: c.reel, mediaBase: c.mediaBase,
  media: c.media && c.format === "otioz", exact: c.exact && c.format === "clips", check,
});

export function Exporting({ what, close }: { what: Export; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const choice = useSignal<Choice>({ format: "otio", handles: 0, language: "", rate: "", recordStart: "", reel: "", mediaBase: "", media: false, exact: false });
  const told = useSignal<{ clips: number; notes: string[] } | null>(null);
  const wrong = useSignal("");
  const busy = useSignal(true);
  const c = choice.value;
  const secret = "bin" in what && linkOf(what.bin) !== "";
  useEffect(() => { dialog.current?.showModal(); }, []);
  useEffect(() => {
    const abort = new AbortController();
    busy.value = true;
    const timer = setTimeout(async () => {
      try {
        let clips = 0;
        const notes: string[] = [];
        for await (const m of exports_.export(requestOf(what, c, true), { signal: abort.signal })) {
          clips = m.file?.clips ?? clips;
          notes.push(...m.notes);
        }
        told.value = { clips, notes };
        wrong.value = "";
      } catch (e) {
        if (abort.signal.aborted) return;
        told.value = null;
        wrong.value = failure(e).text;
      }
      busy.value = false;
    }, 250);
    return () => { clearTimeout(timer); abort.abort(); };
  }, [c]);
  const set = (change: Partial<Choice>) => (choice.value = { ...choice.value, ...change });
  const text = (name: "language" | "recordStart" | "reel" | "mediaBase", key: Key, hint: string) => (
    <label>{t(key)} <input value={c[name]} placeholder={hint} maxLength={200} onInput={(e) => set({ [name]: e.currentTarget.value.trim() })} /></label>
  );
  // A bin of a shared link is saved from the stream, since the secret of a link stands in no address.
  const save = async () => {
    busy.value = true;
    try {
      const parts: BlobPart[] = [];
      let name = "clips", type = "";
      for await (const m of exports_.export(requestOf(what, c, false))) {
        if (m.file) ({ name, mediaType: type } = m.file);
        parts.push(m.data as Uint8Array<ArrayBuffer>);
      }
      const url = URL.createObjectURL(new Blob(parts, { type }));
      Object.assign(document.createElement("a"), { href: url, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (e) {
      wrong.value = failure(e).text;
    }
    busy.value = false;
  };
  return (
    <dialog ref={dialog} class="export" aria-labelledby="export-title" onClose={close}>
      <h2 id="export-title">{t("export.title")}</h2>
      <div class="fields">
        <label>{t("export.format")}{" "}
          <select value={c.format} onChange={(e) => set({ format: e.currentTarget.value as Format })}>
            {formats.map((f) => <option value={f}>{t(`export.format.${f}`)}</option>)}
          </select>
        </label>
        <label>{t("export.handles")} <input type="number" min={0} max={10000} value={c.handles} onInput={(e) => set({ handles: Math.max(0, Math.min(10_000, Math.round(Number(e.currentTarget.value) || 0))) })} /></label>
        {subtitles.includes(c.format) && text("language", "export.language", "de")}
        <label>{t("export.rate")}{" "}
          <select value={c.rate} onChange={(e) => set({ rate: e.currentTarget.value })}>
            {rates.map((r) => <option value={r}>{r || t("export.rate.any")}</option>)}
          </select>
        </label>
        {sequences.includes(c.format) && text("recordStart", "export.start", "01:00:00:00")}
        {labels.includes(c.format) && text("reel", "export.reel", "A001")}
        {sequences.includes(c.format) && text("mediaBase", "export.media.base", "file:///Volumes/films")}
        {c.format === "otioz" && <label><input type="checkbox" checked={c.media} onChange={(e) => set({ media: e.currentTarget.checked })} /> {t("export.media")}</label>}
        {c.format === "clips" && <label><input type="checkbox" checked={c.exact} onChange={(e) => set({ exact: e.currentTarget.checked })} /> {t("export.exact")}</label>}
      </div>
      <p class="quiet small">{t(labels.includes(c.format) ? "export.labels" : "export.times")}</p>
      <div role="status" aria-busy={busy.value} class="told">
        {wrong.value ? <p class="bad">{wrong.value}</p> : told.value && <p>{t("export.clips", { n: told.value.clips })}</p>}
        {told.value && told.value.notes.length > 0 && <ul class="notes">{told.value.notes.map((n) => <li>{n}</li>)}</ul>}
      </div>
      <p class="actions">
        {secret
          ? <button type="button" class="primary" disabled={!told.value} onClick={() => void save()}>{t("export.save")}</button>
          : <a class="button primary" download href={told.value ? addressOf(what, c) : undefined} aria-disabled={!told.value}>{t("export.save")}</a>}
        <button type="button" onClick={() => dialog.current?.close()}>{t("bins.close")}</button>
      </p>
    </dialog>
  );
}
