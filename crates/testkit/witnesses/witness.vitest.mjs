// Records every test that Vitest really runs, one per line: its file, a space, its full name.
// TEST_WITNESS is the output file. Independent of result files, so it can contradict them.
import fs from "node:fs";
import path from "node:path";
import { beforeEach, expect } from "vitest";

beforeEach(() => {
  const { currentTestName, testPath } = expect.getState();
  const file = path.relative(process.cwd(), testPath);
  const name = currentTestName.replaceAll(" > ", " ");
  fs.appendFileSync(process.env.TEST_WITNESS, `${file} ${name}\n`);
});
