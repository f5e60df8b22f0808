// Who changed a bin and how, and the way back.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bins as client, failure } from "../api";
import type { Bin, BinChange } from "../generated/cinedex/v1/bin_pb";
import { linkOf, problem, restore } from "../store/bins";
import { t, type Key } from "../words/words";
import { when } from "./sharing";

// done says what a change did, each kind of edit once with a count.
function done(c: BinChange): string {
  const counts = new Map<string, number>();
  for (const e of c.edits) counts.set(e.edit.case ?? "", (counts.get(e.edit.case ?? "") ?? 0) + 1);
  return [...counts].filter(([k]) => k).map(([k, n]) => t(`history.${k}` as Key, { n })).join(", ");
}

export function History({ of }: { of: Bin }) {
  const changes = useSignal<BinChange[]>([]);
  const below = useSignal(0n);
  const left = useSignal(0);
  const read = async (from: bigint) => {
    try {
      const page = await client.getBinHistory({ bin: of.id, link: linkOf(of.id), below: from, limit: 50 });
      changes.value = from ? changes.value.concat(page.changes) : page.changes;
      below.value = page.below;
    } catch (e) {
      problem.value = failure(e);
    }
  };
  useEffect(() => void read(0n), [of.id, of.revision]);
  return (
    <section class="panel" aria-label={t("history.title")}>
      <h3>{t("history.title")}</h3>
      {left.value > 0 && <p role="status" class="bad">{t("history.left", { n: left.value })}</p>}
      <ol class="history">
        {changes.value.map((c) => (
          <li key={String(c.revision)}>
            <span><b dir="auto">{c.by}</b> <span class="quiet small">{when(c.atMs)}</span><br />{done(c)}</span>
            {of.editable && c.revision < of.revision && (
              <button type="button" onClick={() => void restore(of, c.revision).then((n) => (left.value = n ?? 0))} aria-label={t("history.restore.of", { n: Number(c.revision) })}>{t("history.restore")}</button>
            )}
          </li>
        ))}
      </ol>
      {below.value > 0n && <button type="button" onClick={() => void read(below.value)}>{t("history.more")}</button>}
    </section>
  );
}
