// The open bin: its clips, and what can be done with the bin.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Bin, RerunBinResponse } from "../generated/cinedex/v1/bin_pb";
import { conflicts, edit, keepTheirs, makeMine, remove } from "../store/bins";
import { t, type Key } from "../words/words";
import { ClipRow } from "./clip";
import { Exporting } from "./exporting";
import { History } from "./history";
import { Importing } from "./importing";
import { Rerun, rerun } from "./rerun";
import { Sharing } from "./sharing";

function Conflicts() {
  if (!conflicts.value.length) return null;
  return (
    <div class="conflicts" role="alert">
      {conflicts.value.map(({ conflict, edit: mine }, i) => (
        <p key={i}>
          {t("conflict.told", { what: t(`history.${mine.edit.case}` as Key, { n: 1 }), why: conflict.reason })}{" "}
          {conflict.clip && <button type="button" onClick={() => makeMine(i)}>{t("conflict.mine")}</button>}{" "}
          <button type="button" onClick={() => keepTheirs(i)}>{t("conflict.theirs")}</button>
        </p>
      ))}
    </div>
  );
}

function Name({ of }: { of: Bin }) {
  const editing = useSignal(false);
  if (!editing.value)
    return (
      <div class="bin-name">
        <h2 dir="auto">{of.name}</h2>
        {of.editable && <button type="button" class="plain" onClick={() => (editing.value = true)}>{t("bins.rename")}</button>}
        {of.notes && <p class="quiet" dir="auto">{of.notes}</p>}
      </div>
    );
  return (
    <form
      class="row-form"
      onSubmit={(e) => {
        e.preventDefault();
        const f = new FormData(e.currentTarget);
        void edit(of, [{ case: "name", value: { name: String(f.get("name")).trim(), notes: String(f.get("notes")) } }]);
        editing.value = false;
      }}
    >
      <input name="name" required maxLength={100} aria-label={t("bins.name")} defaultValue={of.name} />
      <input name="notes" maxLength={2000} aria-label={t("bins.notes")} placeholder={t("bins.notes")} defaultValue={of.notes} />
      <button class="primary">{t("bins.keep")}</button>
      <button type="button" onClick={() => (editing.value = false)}>{t("bins.close")}</button>
    </form>
  );
}

type Panel = "" | "share" | "history" | "import";

export function OpenBin({ of }: { of: Bin }) {
  const drag = useSignal("");
  const panel = useSignal<Panel>("");
  const exporting = useSignal(false);
  const again = useSignal<RerunBinResponse | null>(null);
  const sure = useSignal(false);
  useEffect(() => { again.value = null; panel.value = ""; sure.value = false; }, [of.id]);
  const toggle = (p: Panel, key: Key) => <button type="button" aria-expanded={panel.value === p} onClick={() => (panel.value = panel.value === p ? "" : p)}>{t(key)}</button>;
  return (
    <section class="bin" aria-label={of.name}>
      <Name of={of} />
      <p class="quiet small">{t("bins.about", { n: of.clipCount, owner: of.owner })}{of.hiddenClips > 0 && ` · ${t("bins.hidden", { n: of.hiddenClips })}`}{!of.editable && ` · ${t("bins.looking")}`}</p>
      <div class="bin-tools" role="group" aria-label={t("bins.tools")}>
        <button type="button" class="primary" disabled={!of.clips.length} onClick={() => (exporting.value = true)}>{t("export.open")}</button>
        <button type="button" disabled={!of.clips.some((c) => c.q)} onClick={() => void rerun(of, again)}>{t("rerun.do")}</button>
        {toggle("history", "history.title")}
        {of.owned && toggle("share", "share.title")}
        {toggle("import", "import.title")}
        {of.owned && (sure.value
          ? <span class="sure">{t("bins.sure")} <button type="button" onClick={() => void remove(of)}>{t("bins.delete")}</button> <button type="button" onClick={() => (sure.value = false)}>{t("bins.close")}</button></span>
          : <button type="button" class="plain" onClick={() => (sure.value = true)}>{t("bins.delete")}</button>)}
      </div>
      <Conflicts />
      {panel.value === "share" && <Sharing of={of} />}
      {panel.value === "history" && <History of={of} />}
      {panel.value === "import" && <Importing of={of} />}
      <Rerun of={of} told={again} />
      {of.clips.length === 0 && <p class="quiet">{t("bins.empty")}</p>}
      <ol class="clips" aria-label={t("bins.clips")}>
        {of.clips.map((c, i) => <ClipRow key={c.id} of={of} clip={c} at={i} drag={drag} rerun={again.value?.clips.find((r) => r.clip === c.id)} />)}
      </ol>
      {exporting.value && <Exporting what={{ bin: of.id }} close={() => (exporting.value = false)} />}
    </section>
  );
}
