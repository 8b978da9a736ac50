// Records every scenario that Cucumber really runs, one per line: its file and line, unless it
// skips itself. TEST_WITNESS is the output file. Independent of result files.
const fs = require("node:fs");
const { After } = require("@cucumber/cucumber");

After(({ pickle, gherkinDocument, result }) => {
  if (result.status === "SKIPPED") return;
  // The position of an outline row is that of its last node, not that of the scenario.
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
