it("signs in", () => {
  cy.task("work", 0.4);
});

it("signs out", () => {
  cy.task("work", 0.2);
});
