import { language } from "../words/words";

/** number is a number as the language writes numbers. */
export const number = (n: number): string => new Intl.NumberFormat(language.value).format(n);

/** duration is a time in its largest unit. */
export function duration(seconds: number): string {
  const [n, unit] = seconds < 90 ? [seconds, "second"] : seconds < 5400 ? [seconds / 60, "minute"] : seconds < 129_600 ? [seconds / 3600, "hour"] : [seconds / 86_400, "day"];
  return new Intl.NumberFormat(language.value, { style: "unit", unit: unit as string, unitDisplay: "short", maximumFractionDigits: 0 }).format(n as number);
}

/** time is a time of the clock. */
export const time = (ms: bigint): string => (ms ? new Intl.DateTimeFormat(language.value, { dateStyle: "short", timeStyle: "medium" }).format(Number(ms)) : "–");

/** listOf divides what a person typed at commas and spaces. */
export const listOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);
