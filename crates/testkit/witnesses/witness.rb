# frozen_string_literal: true

# Writes down every example that RSpec really runs, one id a line. TEST_WITNESS names the file. It
# knows nothing of result files, so it can contradict them.
require "rspec/core"

RSpec.configure do |config|
  config.before do |example|
    File.write(ENV.fetch("TEST_WITNESS"), "#{example.id}\n", mode: "a")
  end
end
