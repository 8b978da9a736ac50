const { work } = require("./weather");

// No group around it: its scope is empty.
test("pressure is never negative", () => work(0.1));
