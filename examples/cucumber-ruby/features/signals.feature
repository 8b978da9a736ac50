Feature: Signals

  Scenario: are red at first
    Given work of 0.3 seconds

  # Fails the first time that a build runs it, as if the signal box had been slow.
  Scenario: hear from the box
    Given work of 0.2 seconds
    Then the box has answered
