# frozen_string_literal: true

# Writes down every scenario that Cucumber really runs, one a line: its file and line, unless it
# skips itself. TEST_WITNESS names the file. It knows nothing of result files.
After do |scenario|
  next if scenario.status == :skipped

  File.write(ENV.fetch("TEST_WITNESS"), "#{scenario.location}\n", mode: "a")
end
