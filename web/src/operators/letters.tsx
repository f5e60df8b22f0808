import { useSignal } from "@preact/signals";
import { failure, operators } from "../api";
import type { DeadLetter } from "../generated/cinedex/v1/operator_pb";
import { fixOf } from "../library/film";
import { t } from "../words/words";
import { live, useLive } from "./live";
import { time } from "./text";

const letters = live(async () => (await operators.listDeadLetters({ limit: 100 })).letters);

function Letter({ of }: { of: DeadLetter }) {
  const refused = useSignal("");
  const act = async (how: () => Promise<unknown>) => {
    try {
      await how();
    } catch (e) {
      refused.value = failure(e).text;
    }
    letters.again();
  };
  const filter = { filter: { ids: [of.id] } };
  return (
    <tr>
      <td>{of.hop}<br /><span class="quiet small">{of.topic}<br />{time(of.timeMs)}</span></td>
      <td>{of.reason} <p class="fix small">{t(fixOf(of.kind))}</p>{refused.value && <p class="bad" role="alert">{refused.value}</p>}</td>
      <td>
        <button type="button" aria-label={t("letters.retry.of", { id: of.id.slice(0, 8) })} onClick={() => void act(() => operators.retryDeadLetters(filter))}>{t("library.retry")}</button>{" "}
        <button type="button" class="plain" aria-label={t("letters.drop.of", { id: of.id.slice(0, 8) })} onClick={() => void act(() => operators.dropDeadLetters(filter))}>{t("letters.drop")}</button>
      </td>
    </tr>
  );
}

export function Letters() {
  useLive(letters);
  const all = letters.value.value;
  return (
    <section aria-labelledby="letters-title">
      <h2 id="letters-title">{t("operators.letters")}</h2>
      {letters.problem.value && <p class="bad" role="alert">{letters.problem.value}</p>}
      {all?.length === 0 && <p class="quiet">{t("operators.noletters")}</p>}
      {!!all?.length && (
        <div class="wide" tabIndex={0} role="group" aria-labelledby="letters-title">
          <table>
            <thead><tr><th scope="col">{t("operators.hop")}</th><th scope="col">{t("operators.reason")}</th><th scope="col">{t("operators.steer")}</th></tr></thead>
            <tbody>{all.map((l) => <Letter key={l.id} of={l} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}
