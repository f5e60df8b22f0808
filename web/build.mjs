// Builds the application into services/search-api/webapp/dist, from which Go embeds the files.
//
//   node build.mjs            builds
//   node build.mjs --check    fails if the built files differ from the sources
//
// The names of chunks follow from their content, so equal sources give equal files.
import { build } from "esbuild";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "../services/search-api/webapp/dist");

const result = await build({
  absWorkingDir: here,
  entryPoints: { main: "src/main.tsx" },
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  legalComments: "linked",
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: "dist",
  entryNames: "[name]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".svg": "text" },
  write: false,
  metafile: true,
});

const files = new Map(result.outputFiles.map((f) => [f.path.slice(join(here, "dist").length + 1), f.contents]));
files.set("index.html", await readFile(join(here, "src/index.html")));

const there = (await readdir(dist).catch(() => [])).sort();
const wanted = [...files.keys()].sort();
const stale = [];
for (const name of wanted) {
  const old = await readFile(join(dist, name)).catch(() => null);
  if (!old || !Buffer.from(files.get(name)).equals(old)) stale.push(name);
}
stale.push(...there.filter((name) => !files.has(name)));

if (process.argv.includes("--check")) {
  if (stale.length) {
    console.error(`The built application is stale (${stale.join(", ")}): run scripts/web, and commit ${dist}.`);
    process.exit(1);
  }
} else {
  await mkdir(dist, { recursive: true });
  for (const name of there) if (!files.has(name)) await rm(join(dist, name));
  for (const name of stale) if (files.has(name)) await writeFile(join(dist, name), files.get(name));
}

const scripts = wanted.filter((n) => n.endsWith(".js"));
const compressed = (names) => names.reduce((sum, n) => sum + brotliCompressSync(files.get(n)).length, 0);
const kB = (n) => `${(n / 1000).toFixed(1)} kB`;
console.log(`first script ${kB(compressed(["main.js", ...firstChunks()]))}, all scripts ${kB(compressed(scripts))}, styles ${kB(compressed(wanted.filter((n) => n.endsWith(".css"))))} (brotli)`);

// firstChunks are the chunks that main.js needs before the first paint.
function firstChunks() {
  const outputs = result.metafile.outputs;
  const seen = new Set();
  const visit = (path) => {
    for (const i of outputs[path]?.imports ?? []) {
      if (i.kind === "import-statement" && !seen.has(i.path)) {
        seen.add(i.path);
        visit(i.path);
      }
    }
  };
  visit("dist/main.js");
  return [...seen].map((p) => p.slice("dist/".length));
}
