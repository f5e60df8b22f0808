import { useSignal } from "@preact/signals";
import { failure, operators } from "../api";
import { JobState, type Job } from "../generated/cinedex/v1/operator_pb";
import { t, type Key } from "../words/words";
import { live, useLive } from "./live";
import { number, time } from "./text";

export const jobs = live(async () => (await operators.listJobs({ all: true })).jobs.sort((a, b) => Number(b.createdMs - a.createdMs)).slice(0, 30));

const states: Record<JobState, Key> = {
  [JobState.UNSPECIFIED]: "job.waiting", [JobState.WAITING]: "job.waiting", [JobState.RUNNING]: "job.running", [JobState.PAUSED]: "job.paused",
  [JobState.FINISHED]: "job.finished", [JobState.FAILED]: "job.failed", [JobState.CANCELLED]: "job.cancelled",
};

function Row({ of }: { of: Job }) {
  const refused = useSignal("");
  const steer = async (wish: string) => {
    try {
      await operators.steerJob({ id: of.id, wish });
      refused.value = "";
    } catch (e) {
      refused.value = failure(e).text;
    }
    jobs.again();
  };
  const under = of.state === JobState.RUNNING || of.state === JobState.WAITING;
  return (
    <tr>
      <td>{of.kind}<br /><span class="quiet small">{of.caller} · {time(of.createdMs)}</span></td>
      <td>
        <span class={of.state === JobState.FAILED ? "bad" : ""}>{t(states[of.state])}</span>
        {of.error && <p class="bad small">{of.error}</p>}
        {of.notes.slice(-3).map((n) => <p key={n} class="quiet small">{n}</p>)}
        {refused.value && <p class="bad" role="alert">{refused.value}</p>}
      </td>
      <td class="number">{of.total > 0n ? <progress max={Number(of.total)} value={Number(of.done)} aria-label={t("operators.done")} /> : null} {number(Number(of.done))} / {number(Number(of.total))} {of.unit}</td>
      <td>
        {under && <button type="button" onClick={() => void steer("pause")} aria-label={t("job.pause.of", { kind: of.kind })}>{t("job.pause")}</button>}
        {of.state === JobState.PAUSED && <button type="button" onClick={() => void steer("resume")} aria-label={t("job.resume.of", { kind: of.kind })}>{t("job.resume")}</button>}
        {(under || of.state === JobState.PAUSED) && <button type="button" onClick={() => void steer("cancel")} aria-label={t("job.cancel.of", { kind: of.kind })}>{t("job.cancel")}</button>}
      </td>
    </tr>
  );
}

export function Jobs() {
  useLive(jobs);
  const all = jobs.value.value;
  return (
    <section aria-labelledby="jobs-title">
      <h2 id="jobs-title">{t("operators.jobs")}</h2>
      {jobs.problem.value && <p class="bad" role="alert">{jobs.problem.value}</p>}
      {all?.length === 0 && <p class="quiet">{t("operators.nojobs")}</p>}
      {!!all?.length && (
        <div class="wide" tabIndex={0} role="group" aria-labelledby="jobs-title">
          <table>
            <thead><tr><th scope="col">{t("operators.job")}</th><th scope="col">{t("operators.state")}</th><th scope="col">{t("operators.done")}</th><th scope="col">{t("operators.steer")}</th></tr></thead>
            <tbody>{all.map((j) => <Row key={j.id} of={j} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}
