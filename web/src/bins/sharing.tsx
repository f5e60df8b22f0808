// With whom the owner shares a bin, and how long.
import { useSignal } from "@preact/signals";
import type { Bin } from "../generated/cinedex/v1/bin_pb";
import { edit } from "../store/bins";
import { language, t, type Key } from "../words/words";

const kinds = ["name", "group", "role", "everybody", "link"] as const;
const days = [0, 1, 7, 30];

function withWhom(w: string): string {
  const [kind = "", ...rest] = w.split(":");
  return kind === "everybody" || kind === "link" ? t(`share.${kind}` as Key) : `${t(`share.${kind}` as Key)} ${rest.join(":")}`;
}

export const when = (ms: bigint): string => new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "short" }).format(Number(ms));

export function Sharing({ of }: { of: Bin }) {
  const kind = useSignal<(typeof kinds)[number]>("name");
  const link = useSignal("");
  const copied = useSignal(false);
  const share = async (f: FormData) => {
    const end = Number(f.get("days"));
    const who = String(f.get("who") ?? "").trim();
    const k = kind.value;
    const made = await edit(of, [{ case: "share", value: { share: { with: k === "everybody" || k === "link" ? k : `${k}:${who}`, edit: f.get("edit") === "on", untilMs: end ? BigInt(Date.now() + end * 86_400_000) : 0n } } }]);
    if (made?.[0]) link.value = `${location.origin}${location.pathname}?view=bins&bin=${encodeURIComponent(of.id)}&link=${encodeURIComponent(made[0].secret)}`;
  };
  return (
    <section class="panel" aria-label={t("share.title")}>
      <h3>{t("share.title")}</h3>
      <ul>
        {of.shares.map((s) => (
          <li key={s.with}>
            <span>{withWhom(s.with)} · {t(s.edit ? "share.edits" : "share.looks")}{s.untilMs ? ` · ${t("share.until", { when: when(s.untilMs) })}` : ""}</span>
            <button type="button" class="plain" onClick={() => void edit(of, [{ case: "unshare", value: { with: s.with } }])} aria-label={t("share.end", { who: withWhom(s.with) })}>×</button>
          </li>
        ))}
        {of.shares.length === 0 && <li class="quiet">{t("share.none")}</li>}
      </ul>
      <form class="row-form" onSubmit={(e) => { e.preventDefault(); void share(new FormData(e.currentTarget)); }}>
        <select aria-label={t("share.with")} value={kind.value} onChange={(e) => (kind.value = e.currentTarget.value as typeof kind.value)}>
          {kinds.map((k) => <option value={k}>{t(`share.${k}`)}</option>)}
        </select>
        {kind.value !== "everybody" && kind.value !== "link" && <input name="who" required maxLength={200} aria-label={t("share.who")} placeholder={t("share.who")} />}
        <select name="days" aria-label={t("share.ends")}>
          {days.map((n) => <option value={n}>{n ? t("share.days", { n }) : t("share.never")}</option>)}
        </select>
        <label><input type="checkbox" name="edit" /> {t("share.edit")}</label>
        <button>{t("share.do")}</button>
      </form>
      {link.value && (
        <p class="link" role="status">
          {t("share.secret")}
          <input readOnly value={link.value} aria-label={t("share.link")} onFocus={(e) => e.currentTarget.select()} />
          <button type="button" onClick={() => void navigator.clipboard?.writeText(link.value).then(() => (copied.value = true))}>{t(copied.value ? "share.copied" : "share.copy")}</button>
        </p>
      )}
    </section>
  );
}
