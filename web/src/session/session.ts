// Who is there, as the server said with the page.
export type Visit = { signedIn: boolean; provider: boolean; problem?: string; query?: string; expiresMs?: number };

const told = document.body.dataset["visit"];
export const visit: Visit = told ? (JSON.parse(told) as Visit) : { signedIn: true, provider: false };

let renewing: Promise<boolean> | null = null;

/** renew gets the next session of a person who signed in with a provider, without the person. Calls at the same time share one request. */
export function renew(): Promise<boolean> {
  if (!visit.provider) return Promise.resolve(false);
  renewing ??= fetch("/sign-in/renew", { method: "POST" })
    .then((r) => r.ok, () => false)
    .finally(() => (renewing = null));
  return renewing;
}

/** begin renews the session before the session expires. */
export function begin(): void {
  const left = (visit.expiresMs ?? 0) - Date.now();
  if (!visit.provider || left <= 0) return;
  const every = Math.min(Math.max(left * 0.75, 30_000), 24 * 3600_000);
  setInterval(() => void renew(), every);
}
