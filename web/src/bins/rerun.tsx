// What a new model changes in a bin.
import type { Signal } from "@preact/signals";
import { bins as client, failure } from "../api";
import type { Bin, Clip, RerunBinResponse } from "../generated/cinedex/v1/bin_pb";
import { edit, linkOf, problem, type Edit } from "../store/bins";
import { t } from "../words/words";

/** rerun asks the queries of a bin again. */
export async function rerun(of: Bin, into: Signal<RerunBinResponse | null>): Promise<void> {
  try {
    into.value = await client.rerunBin({ bin: of.id, link: linkOf(of.id) });
  } catch (e) {
    problem.value = failure(e);
  }
}

const adding = (c: Clip): Edit => ({
  case: "add",
  value: { clip: { id: crypto.randomUUID(), asset: c.asset, start: c.start, end: c.end, q: c.q, text: c.text, language: c.language, run: c.run, algorithm: c.algorithm, version: c.version, confidence: c.confidence } },
});

export function Rerun({ of, told }: { of: Bin; told: Signal<RerunBinResponse | null> }) {
  const r = told.value;
  if (!r) return null;
  const take = (c: Clip) => {
    void edit(of, [adding(c)]);
    told.value = { ...r, queries: r.queries.map((q) => ({ ...q, found: q.found.filter((x) => x !== c) })) };
  };
  const fresh = r.queries.reduce((n, q) => n + q.found.length, 0);
  return (
    <section class="panel" aria-label={t("rerun.title")}>
      <h3>{t("rerun.title")}</h3>
      <p role="status">{t("rerun.found", { n: fresh })}</p>
      {r.leftOut.map((l) => <p class="bad small">{l}</p>)}
      {r.queries.map((q) => q.found.length > 0 && (
        <div key={q.q}>
          <h4>{q.q}</h4>
          <ul>
            {q.found.slice(0, 50).map((c) => (
              <li key={`${c.asset}${c.start}`}>
                <span><span dir="auto">{c.titleName || c.title}</span> <span class="num">{c.startTimecode}</span> <span lang={c.language} dir="auto">{c.text}</span></span>
                {of.editable && <button type="button" onClick={() => take(c)}>{t("bins.add")}</button>}
              </li>
            ))}
          </ul>
        </div>
      ))}
    </section>
  );
}
