import "./style/app.css";
import { render } from "preact";
import { App } from "./app";
import { begin as beginSession, visit } from "./session/session";
import { SignIn } from "./session/signin";
import { begin as beginPictures } from "./ask/picture";
import { begin as beginPicking } from "./bins/pick";
import { begin as beginKeys } from "./results/keys";
import { begin as beginCatalog } from "./store/catalog";
import { begin as beginLine } from "./store/line";
import { begin as beginSearch } from "./store/search";
import { begin as beginTitles } from "./store/titles";
import { begin as beginWords } from "./words/words";

if (visit.signedIn) await application();
else {
  await beginWords();
  render(<SignIn />, document.getElementById("app")!);
}

/** application is the page of a person who is there. */
async function application(): Promise<void> {
  beginLine();
  beginSearch(); // the answer comes while the words of the interface are read
  await beginWords();
  render(<App />, document.getElementById("app")!);
  beginPictures();
  beginKeys();
  beginPicking();
  beginSession();
  await Promise.all([beginCatalog(), beginTitles()]);
}
