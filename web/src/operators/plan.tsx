// A plan of a job before the job: what the job will do, and the button that does it.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { useSignal } from "@preact/signals";
import { failure, operators } from "../api";
import type { JobSchema, PlanJobResponse } from "../generated/cinedex/v1/operator_pb";
import { t } from "../words/words";
import { jobs } from "./jobs";
import { duration } from "./text";

export type NewJob = MessageInitShape<typeof JobSchema>;

/** usePlan plans a job, and submits the planned job. A change of the form asks for a new plan. */
export function usePlan() {
  const planned = useSignal<{ job: NewJob; plan: PlanJobResponse } | null>(null);
  const told = useSignal("");
  const wrong = useSignal("");
  const plan = async (job: NewJob) => {
    planned.value = null;
    told.value = wrong.value = "";
    try {
      planned.value = { job, plan: await operators.planJob({ job }) };
    } catch (e) {
      wrong.value = failure(e).text;
    }
  };
  const submit = async () => {
    const p = planned.value;
    if (!p) return;
    planned.value = null;
    try {
      await operators.submitJob({ job: p.job });
      told.value = t("operators.submitted");
      jobs.again();
    } catch (e) {
      wrong.value = failure(e).text;
    }
  };
  const forget = () => (planned.value = null);
  return { planned, told, wrong, plan, submit, forget };
}

export function Planned({ of, label }: { of: ReturnType<typeof usePlan>; label: string }) {
  const p = of.planned.value;
  return (
    <div aria-live="polite">
      {of.wrong.value && <p class="bad" role="alert">{of.wrong.value}</p>}
      {of.told.value && <p class="good">{of.told.value}</p>}
      {p && (
        <>
          <pre>{p.plan.lines.join("\n") || t("operators.nothing")}</pre>
          {p.plan.estimatedSeconds > 0 && <p class="quiet small">{t("operators.estimate", { time: duration(p.plan.estimatedSeconds) })}</p>}
          <p><button type="button" class="primary" onClick={() => void of.submit()}>{label}</button> <button type="button" onClick={of.forget}>{t("library.cancel")}</button></p>
        </>
      )}
    </div>
  );
}
