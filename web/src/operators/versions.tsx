// Versions of an algorithm: answers to the person's judged queries compared, and readers switched.
import { useSignal } from "@preact/signals";
import { failure, judgements, searches } from "../api";
import { Verdict } from "../generated/cinedex/v1/judgement_pb";
import type { CompareVersionsResponse } from "../generated/cinedex/v1/search_pb";
import { t } from "../words/words";
import { Planned, usePlan } from "./plan";
import { number } from "./text";

export function Versions() {
  const algorithm = useSignal("");
  const from = useSignal("");
  const to = useSignal("");
  const wave = useSignal("0");
  const compared = useSignal<CompareVersionsResponse | null>(null);
  const wrong = useSignal("");
  const plan = usePlan();
  const compare = async () => {
    compared.value = null;
    wrong.value = "";
    try {
      const queries = new Map<string, { asset: string; start: bigint; end: bigint }[]>();
      for (const j of (await judgements.listJudgements({})).judgements) {
        if (j.verdict === Verdict.RIGHT) queries.set(j.q, [...(queries.get(j.q) ?? []), { asset: j.asset, start: j.start, end: j.end }]);
      }
      if (!queries.size) {
        wrong.value = t("operators.nojudgements");
        return;
      }
      compared.value = await searches.compareVersions({ algorithm: algorithm.value.trim(), from: from.value.trim(), to: to.value.trim(), queries: [...queries].map(([q, right]) => ({ q, right })) });
    } catch (e) {
      wrong.value = failure(e).text;
    }
  };
  const submit = (e: Event) => {
    e.preventDefault();
    void plan.plan({ kind: "activate", key: String(Date.now()), work: { case: "activate", value: { algorithm: algorithm.value.trim(), version: to.value.trim(), wave: Number(wave.value) || 0 } } });
  };
  const precision = (x: number) => number(Math.round(x * 1000) / 1000);
  const c = compared.value;
  return (
    <section aria-labelledby="versions-title">
      <h2 id="versions-title">{t("operators.versions")}</h2>
      <form onSubmit={submit} onInput={plan.forget}>
        <label>{t("operators.algorithm")}<input required value={algorithm.value} onInput={(e) => (algorithm.value = e.currentTarget.value)} /></label>
        <label>{t("operators.from")}<input value={from.value} onInput={(e) => (from.value = e.currentTarget.value)} /></label>
        <label>{t("operators.to")}<input value={to.value} onInput={(e) => (to.value = e.currentTarget.value)} /></label>
        <label>{t("operators.wave")}<input type="number" min="0" max="1" step="any" value={wave.value} onInput={(e) => (wave.value = e.currentTarget.value)} /></label>
        <button type="button" onClick={() => void compare()}>{t("operators.compare")}</button>
        <button>{t("operators.dryrun")}</button>
      </form>
      {wrong.value && <p class="bad" role="alert">{wrong.value}</p>}
      {c && <p role="status">{t("operators.compared", { n: c.queries.length, from: precision(c.fromPrecision), to: precision(c.toPrecision), overlap: precision(c.overlap) })}</p>}
      <Planned of={plan} label={t("operators.switch")} />
    </section>
  );
}
