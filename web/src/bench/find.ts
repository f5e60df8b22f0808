// Words within a line, without regard to case and accents.

const plain = (s: string): { text: string; at: number[] } => {
  const at: number[] = [];
  let text = "";
  let i = 0;
  for (const c of s) {
    for (const p of c.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()) {
      text += p;
      for (let k = 0; k < p.length; k++) at.push(i);
    }
    i += c.length;
  }
  at.push(s.length);
  return { text, at };
};

/** found is where words stand in a line, half-open; null where the words do not stand there. */
export function found(line: string, words: string): [number, number] | null {
  const sought = plain(words.trim()).text;
  if (!sought) return null;
  const l = plain(line);
  const from = l.text.indexOf(sought);
  if (from < 0) return null;
  let to = l.at[from + sought.length]!;
  while (to < line.length && /\p{M}/u.test(line[to]!)) to++;
  return [l.at[from]!, to];
}
