import { operators } from "../api";
import { t } from "../words/words";
import { live, useLive } from "./live";
import { duration, number } from "./text";

const lags = live(async () => (await operators.getLag({})).lags);

export function Lag() {
  useLive(lags);
  const all = lags.value.value ?? [];
  const behind = all.filter((l) => l.messages > 0n);
  return (
    <section aria-labelledby="lag-title">
      <h2 id="lag-title">{t("operators.lag")}</h2>
      {lags.problem.value && <p class="bad" role="alert">{lags.problem.value}</p>}
      <p class="quiet" role="status">{!lags.value.value ? t("part.loading") : behind.length ? t("operators.behind", { n: behind.length }) : t("operators.caughtup")}</p>
      <div class="wide" tabIndex={0} role="group" aria-labelledby="lag-title">
        <table>
          <thead><tr><th scope="col">{t("operators.hop")}</th><th scope="col">{t("operators.topic")}</th><th scope="col">{t("operators.messages")}</th><th scope="col">{t("operators.age")}</th><th scope="col">{t("operators.eta")}</th></tr></thead>
          <tbody>
            {all.map((l) => (
              <tr key={`${l.hop} ${l.topic}`}>
                <td>{l.hop}</td><td>{l.topic}</td><td class="number">{number(Number(l.messages))}</td><td class="number">{duration(l.seconds)}</td>
                <td class="number">{l.etaSeconds < 0 ? "–" : duration(l.etaSeconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
