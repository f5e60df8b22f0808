// The page on which a person signs in: with the identity provider, or with a token. The question of the address survives.
import { useEffect, useRef } from "preact/hooks";
import { language, languages, speak, t, type Language } from "../words/words";
import { renew, visit } from "./session";

export function SignIn() {
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!visit.provider) first.current?.focus();
    // A session that has expired is renewed without the person, unless the person has just been refused.
    else if (!visit.problem) void renew().then((ok) => ok && location.reload());
  }, []);
  return (
    <main class="sign-in">
      <h1>Cinedex</h1>
      {visit.problem && <p class="bad" role="alert">{visit.problem}</p>}
      {visit.provider && <a class="button primary" href={`/sign-in?query=${encodeURIComponent(visit.query ?? "")}`}>{t("signin.provider")}</a>}
      <form method="post" action="/login">
        <input type="hidden" name="query" value={visit.query ?? ""} />
        <label for="token">{t("signin.token")}</label>
        <input ref={first} id="token" name="token" type="password" autocomplete="current-password" required />
        <button class={visit.provider ? "" : "primary"}>{t("signin.enter")}</button>
        <p class="quiet small">{t("signin.hint")}</p>
      </form>
      <select aria-label={t("nav.language")} value={language.value} onChange={(e) => void speak(e.currentTarget.value as Language)}>
        {Object.entries(languages).map(([tag, name]) => <option value={tag} lang={tag}>{name}</option>)}
      </select>
    </main>
  );
}
