# frozen_string_literal: true

Given(/^work of ([\d.]+) seconds$/) { |seconds| Railway.work(Float(seconds)) }
Given(/^it is skipped$/) { skip_this_scenario }
Then(/^the box has answered$/) { raise "no answer" if Railway.first_try_of_this_build?("box") }
Then(/^it fails$/) { raise "nobody pays" }
