// The operators' part: how far the hops are behind, jobs, replays with a plan first, versions compared and switched, and dead letters.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { failure, operators } from "../api";
import { t } from "../words/words";
import { Jobs } from "./jobs";
import { Lag } from "./lag";
import { Letters } from "./letters";
import { Replay } from "./replay";
import { Versions } from "./versions";

export function Operators() {
  const refused = useSignal<string | null>(null);
  useEffect(() => {
    operators.getLag({}).then(() => (refused.value = ""), (e: unknown) => {
      const f = failure(e);
      refused.value = f.kind === "denied" ? t("operators.denied") : f.away ? "" : f.text;
    });
  }, []);
  if (refused.value === null) return <p class="quiet" role="status">{t("part.loading")}</p>;
  if (refused.value) return <p class="quiet" role="status">{refused.value}</p>;
  return (
    <div class="operators">
      <Lag />
      <Jobs />
      <Replay />
      <Versions />
      <Letters />
    </div>
  );
}
