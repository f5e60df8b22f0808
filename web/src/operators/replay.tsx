import { useSignal } from "@preact/signals";
import { t } from "../words/words";
import { Planned, usePlan } from "./plan";
import { listOf } from "./text";

export function Replay() {
  const algorithms = useSignal("");
  const titles = useSignal("");
  const rate = useSignal("0");
  const failed = useSignal(true);
  const activate = useSignal(false);
  const plan = usePlan();
  const submit = (e: Event) => {
    e.preventDefault();
    void plan.plan({ kind: "replay", key: String(Date.now()), work: { case: "replay", value: {
      selection: { algorithms: listOf(algorithms.value), titles: listOf(titles.value) }, source: "library", rate: Number(rate.value) || 0, failed: failed.value, activate: activate.value,
    } } });
  };
  return (
    <section aria-labelledby="replay-title">
      <h2 id="replay-title">{t("operators.replay")}</h2>
      <form onSubmit={submit} onInput={plan.forget}>
        <label>{t("operators.algorithms")}<input value={algorithms.value} onInput={(e) => (algorithms.value = e.currentTarget.value)} /></label>
        <label>{t("operators.titles")}<input value={titles.value} onInput={(e) => (titles.value = e.currentTarget.value)} /></label>
        <label>{t("operators.rate")}<input type="number" min="0" step="any" value={rate.value} onInput={(e) => (rate.value = e.currentTarget.value)} /></label>
        <label><span><input type="checkbox" checked={failed.value} onChange={(e) => (failed.value = e.currentTarget.checked)} /> {t("operators.failed")}</span></label>
        <label><span><input type="checkbox" checked={activate.value} onChange={(e) => (activate.value = e.currentTarget.checked)} /> {t("operators.activate")}</span></label>
        <button>{t("operators.dryrun")}</button>
      </form>
      <Planned of={plan} label={t("operators.replay.do")} />
    </section>
  );
}
