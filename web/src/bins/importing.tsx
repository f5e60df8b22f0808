// Markers and edit lists of an editing program, brought to a film of the bin.
import { base64Encode } from "@bufbuild/protobuf/wire";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { announce, failure, imports, searches } from "../api";
import type { Bin } from "../generated/cinedex/v1/bin_pb";
import type { ReadMarkersResponse } from "../generated/cinedex/v1/import_pb";
import { place } from "../url";
import { t } from "../words/words";

/** The most bytes of a file of markers. */
const most = 512 << 10;

// films are the films of the bin, and the film of the bench.
function films(of: Bin): [string, string][] {
  const found = new Map(of.clips.map((c) => [c.asset, c.titleName || c.title]));
  const open = place.value.asset;
  if (open && !found.has(open)) found.set(open, t("import.bench"));
  return [...found];
}

export function Importing({ of }: { of: Bin }) {
  const form = useRef<HTMLFormElement>(null);
  const read = useSignal<{ answer: ReadMarkersResponse; name: string; film: string; start: string; bytes: Uint8Array } | null>(null);
  const sent = useSignal("");
  const wrong = useSignal("");
  const looks = useRef(0);
  // look reads the choices of now. Of several looks at once, the last counts.
  const look = async () => {
    const mine = ++looks.current;
    read.value = null;
    wrong.value = sent.value = "";
    const f = new FormData(form.current!);
    const file = f.get("file");
    if (!(file instanceof File) || !file.size) return;
    if (file.size > most) {
      wrong.value = t("import.large", { n: most >> 10 });
      return;
    }
    try {
      const film = String(f.get("film")), start = String(f.get("start")).trim(), bytes = new Uint8Array(await file.arrayBuffer());
      const answer = await imports.readMarkers({ asset: film, name: file.name, data: bytes, startTimecode: start });
      if (mine === looks.current) read.value = { answer, name: file.name, film, start, bytes };
    } catch (e) {
      if (mine === looks.current) wrong.value = failure(e).text;
    }
  };
  // The markers go the way of every studio's event: a side-car of the film.
  const send = async () => {
    const r = read.value!;
    read.value = null;
    try {
      const { asset } = await searches.getAsset({ asset: r.film });
      wrong.value = await announce({ asset: r.film, title: { id: asset!.title!.id }, text: [{ role: "markers", language: "und", name: r.name, start_timecode: r.start, data: base64Encode(r.bytes) }] });
    } catch (e) {
      wrong.value = failure(e).text;
    }
    if (!wrong.value) sent.value = t("import.sent", { n: r.answer.markers });
  };
  return (
    <section class="panel" aria-label={t("import.title")}>
      <h3>{t("import.title")}</h3>
      <form ref={form} class="row-form" onSubmit={(e) => { e.preventDefault(); void look(); }} onInput={() => void look()}>
        <select name="film" aria-label={t("import.film")}>{films(of).map(([id, name]) => <option value={id}>{name}</option>)}</select>
        <input type="file" name="file" accept=".edl,.txt,.otio,.fcpxml,.csv" aria-label={t("import.file")} />
        <label>{t("import.start")} <input name="start" placeholder="01:00:00:00" size={11} maxLength={11} /></label>
      </form>
      <div role="status">
        {sent.value && <p class="good">{sent.value}</p>}
        {wrong.value && <p class="bad">{wrong.value}</p>}
        {read.value && (
          <>
            <p>{t("import.read", { n: read.value.answer.markers, name: read.value.name })}</p>
            {read.value.answer.notes.map((n) => <p class="small">{n}</p>)}
            <button type="button" class="primary" onClick={() => void send()}>{t("import.send")}</button>
          </>
        )}
      </div>
    </section>
  );
}
