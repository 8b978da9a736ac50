const { work } = require("./weather");

// Not in a group: its scope is empty.
test("pressure is never negative", () => work(0.1));
