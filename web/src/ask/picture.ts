// A picture of a person becomes a part of the question.
import { signal } from "@preact/signals";
import { picture } from "../store/line";

/** Why the last picture was not taken: the key of the text. */
export const refused = signal<"ask.picture.none" | "ask.picture.broken" | null>(null);

/** The longest side of a picture that is sent: the models look at 260 pixels. */
const longest = 1024;
const mostBytes = 2_000_000;

/** take makes a file the picture of the question. Large pictures are made smaller first. */
export async function take(file: File | undefined): Promise<void> {
  if (!file) return;
  refused.value = null;
  if (!file.type.startsWith("image/")) {
    refused.value = "ask.picture.none";
    return;
  }
  try {
    const bytes = new Uint8Array(await (await small(file)).arrayBuffer());
    const url = await new Promise<string>((done, fail) => {
      const r = new FileReader();
      r.onload = () => done(r.result as string);
      r.onerror = () => fail(r.error);
      r.readAsDataURL(new Blob([bytes]));
    });
    picture.value = { bytes, url: url.replace(/^data:[^;,]*/, `data:${file.type}`), name: file.name };
  } catch {
    refused.value = "ask.picture.broken";
  }
}

async function small(file: File): Promise<Blob> {
  const bitmap = await createImageBitmap(file);
  const k = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  if (k === 1 && file.size <= mostBytes) return file;
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * k)), Math.max(1, Math.round(bitmap.height * k)));
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}

/** begin takes pictures that are pasted into the page, or dropped on the page. */
export function begin(): void {
  addEventListener("paste", (e) => {
    const file = e.clipboardData?.files[0];
    if (!file) return;
    e.preventDefault();
    void take(file);
  });
  const over = (on: boolean) => document.documentElement.classList.toggle("dropping", on);
  const pictures = (e: DragEvent) => [...(e.dataTransfer?.items ?? [])].some((i) => i.kind === "file" && i.type.startsWith("image/"));
  addEventListener("dragover", (e) => {
    if (!pictures(e)) return;
    e.preventDefault();
    over(true);
  });
  addEventListener("dragleave", (e) => { if (!e.relatedTarget) over(false); });
  addEventListener("drop", (e) => {
    over(false);
    const file = [...(e.dataTransfer?.files ?? [])].find((f) => f.type.startsWith("image/"));
    if (!file || e.defaultPrevented) return;
    e.preventDefault();
    void take(file);
  });
}
