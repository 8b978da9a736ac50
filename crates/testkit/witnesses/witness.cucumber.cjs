// Writes down every scenario that Cucumber really runs, one a line: its file and line, unless it
// skips itself. TEST_WITNESS names the file. It knows nothing of result files.
const fs = require("node:fs");
const { After } = require("@cucumber/cucumber");

After(({ pickle, gherkinDocument, result }) => {
  if (result.status === "SKIPPED") return;
  // A row of an outline is where its last node stands: the row, not the scenario above it.
  const last = pickle.astNodeIds[pickle.astNodeIds.length - 1];
  const lines = {};
  for (const { scenario } of gherkinDocument.feature.children) {
    if (!scenario) continue;
    lines[scenario.id] = scenario.location.line;
    for (const { tableBody } of scenario.examples) {
      for (const row of tableBody) lines[row.id] = row.location.line;
    }
  }
  fs.appendFileSync(process.env.TEST_WITNESS, `${pickle.uri}:${lines[last]}\n`);
});
