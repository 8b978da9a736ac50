Feature: Engines

  Scenario: start in the cold
    Given work of 0.4 seconds

  Scenario: pull 3 waggons
    Given work of 0.2 seconds

  Scenario: pull 12 waggons
    Given work of 0.3 seconds
