it("has no decimals in yen", () => {
  // Fails always.
  cy.task("work", 0.1);
  cy.task("work", 0).should("equal", "1,235");
});
