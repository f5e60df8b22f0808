import assert from "node:assert/strict";
import { test } from "node:test";
import { lineOf } from "./links";

test("addresses of every release lead to their question", () => {
  for (const [address, line] of [
    ["", ""],
    ["q=dialogue%3Acaptain", "dialogue:captain"],
    ["q=black+coffee&way=dialogue", 'dialogue:"black coffee"'],
    ['q="black coffee"&way=dialogue', 'dialogue:"\\"black coffee\\""'],
    ["q=rain&way=look&group=title", 'look:"rain"'],
    ["q=dialogue:captain AND NOT dialogue:coffee&way=query", "dialogue:captain AND NOT dialogue:coffee"],
    ["q=captain&way=dialogue&title=the-lighthouse&lang=es", 'dialogue:"captain" title:"the-lighthouse" lang:"es"'],
    ["q=dialogue:honey OR dialogue:whistle&way=query&title=t", '(dialogue:honey OR dialogue:whistle) title:"t"'],
    ["title=the-lighthouse", 'title:"the-lighthouse"'],
  ] as const) assert.equal(lineOf(new URLSearchParams(address)), line, address);
});
