// The bar of the picked hits: how many, and into which bin.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { all, list, make, problem } from "../store/bins";
import { go } from "../url";
import { t } from "../words/words";
import { collect, drop, picked, selection } from "./collect";

const fresh = "new";

export function Basket() {
  const into = useSignal(fresh);
  const name = useRef<HTMLInputElement>(null);
  const told = useSignal<{ n: number; bin: string; name: string } | null>(null);
  const busy = useSignal(false);
  const n = picked.value;
  useEffect(() => {
    if (n && !all.value) void list();
  }, [n > 0]);
  if (!n && !told.value) return null;
  const bins = (all.value ?? []).filter((b) => b.editable);
  const add = async () => {
    busy.value = true;
    const target = into.value === fresh ? await make(name.current!.value.trim() || t("bins.unnamed")) : bins.find((b) => b.id === into.value);
    if (target && (await collect([...selection.value.values()], target))) {
      told.value = { n, bin: target.id, name: target.name };
      into.value = target.id;
      drop();
    }
    busy.value = false;
  };
  return (
    <section class="basket" aria-label={t("bins.basket")}>
      <p role="status">
        {n ? t("bins.picked", { n }) : told.value && t("bins.added", { n: told.value.n, name: told.value.name })}
        {problem.value && <span class="bad"> {problem.value.text}</span>}
      </p>
      {n > 0 && (
        <form onSubmit={(e) => { e.preventDefault(); told.value = null; void add(); }}>
          <select aria-label={t("bins.into")} value={into.value} onChange={(e) => (into.value = e.currentTarget.value)}>
            <option value={fresh}>{t("bins.into.new")}</option>
            {bins.map((b) => <option value={b.id}>{b.name}</option>)}
          </select>
          {into.value === fresh && <input ref={name} maxLength={100} aria-label={t("bins.name")} placeholder={t("bins.name")} />}
          <button class="primary" disabled={busy.value}>{t("bins.add")}</button>
          <button type="button" class="plain" onClick={drop}>{t("bins.drop")}</button>
        </form>
      )}
      {!n && told.value && (
        <span>
          <button type="button" onClick={() => { const { bin } = told.value!; told.value = null; go({ view: "bins", bin }); }}>{t("bins.open")}</button>
          <button type="button" class="plain" onClick={() => (told.value = null)}>{t("bins.close")}</button>
        </span>
      )}
    </section>
  );
}
