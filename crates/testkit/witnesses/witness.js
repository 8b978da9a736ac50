// Records every test that Jest really runs, one per line: its file, a space, its full name.
// TEST_WITNESS is the output file. Independent of result files, so it can contradict them.
const fs = require("node:fs");
const path = require("node:path");

beforeEach(() => {
  const { currentTestName, testPath } = expect.getState();
  const file = path.relative(process.cwd(), testPath);
  fs.appendFileSync(process.env.TEST_WITNESS, `${file} ${currentTestName}\n`);
});
