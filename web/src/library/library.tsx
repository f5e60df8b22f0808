// The library, alive: the films with their stages, uploads, and what failed.
import { useEffect } from "preact/hooks";
import { films, moreFilms, streamEnded, turn, watch, windowNumber } from "../store/library";
import { t } from "../words/words";
import { Film } from "./film";
import { Uploads } from "./uploads";

export function Library() {
  useEffect(watch, []);
  const all = films.value;
  return (
    <div class="library">
      <Uploads />
      <section aria-labelledby="films-title" aria-busy={all === null && !streamEnded.value}>
        <h2 id="films-title">{t("library.films")}</h2>
        {streamEnded.value && <p class="bad" role="alert">{streamEnded.value.text}</p>}
        {all !== null && all.length === 0 && <p class="quiet">{t("library.empty")}</p>}
        <ul class="films">{all?.map((e) => <Film key={e.asset} of={e} />)}</ul>
        {(moreFilms.value || windowNumber() > 0) && (
          <p class="pager">
            <button type="button" disabled={windowNumber() === 0} onClick={() => turn(false)}>{t("library.before")}</button>
            <button type="button" disabled={!moreFilms.value} onClick={() => turn(true)}>{t("library.behind")}</button>
          </p>
        )}
      </section>
    </div>
  );
}
