// Writes down every test that Playwright really runs, one a line: its titles from the file down.
// TEST_WITNESS names the file. A reporter of its own: it does not read what others wrote.
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
