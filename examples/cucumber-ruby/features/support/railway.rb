# frozen_string_literal: true

# A placeholder for a real program: its scenarios only need something that takes time.
#
# EXAMPLE_PACE is a factor for every pause. EXAMPLE_STATE is a directory in which the flaky
# scenario records the builds that it has already failed in; without it the flaky scenario passes.
module Railway
  def self.work(seconds)
    sleep(seconds * Float(ENV.fetch("EXAMPLE_PACE", "1")))
  end

  # Whether this is the first call with this name in this build, recorded by creating a file.
  def self.first_try_of_this_build?(name)
    directory = ENV.fetch("EXAMPLE_STATE", "")
    return false if directory.empty?

    build = ENV.fetch("BUILDKITE_BUILD_ID", "no-build")
    File.open(File.join(directory, "#{build}-#{name}"), File::CREAT | File::EXCL | File::WRONLY).close
    true
  rescue Errno::EEXIST
    false
  end
end
