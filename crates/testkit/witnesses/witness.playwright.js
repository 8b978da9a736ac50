// Records every test that Playwright really runs, one per line: its titles from the file down.
// TEST_WITNESS is the output file. Independent of other reporters.
const fs = require("node:fs");

class Witness {
  onTestEnd(test, result) {
    if (result.status === "skipped") return;
    const [, , ...titles] = test.titlePath();
    fs.appendFileSync(process.env.TEST_WITNESS, `${titles.join(" ")}\n`);
  }

  printsToStdio() {
    return false;
  }
}

module.exports = Witness;
