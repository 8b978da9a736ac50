# frozen_string_literal: true

# Stands in for a real program: its scenarios only need something that takes its time.
#
# EXAMPLE_PACE stretches or shrinks every pause. EXAMPLE_STATE names a folder in which the flaky
# scenario remembers which builds it has already failed in; without it the flaky scenario passes.
module Railway
  def self.work(seconds)
    sleep(seconds * Float(ENV.fetch("EXAMPLE_PACE", "1")))
  end

  # Whether this build has not called with this name before. Creating the file is the memory.
  def self.first_try_of_this_build?(name)
    folder = ENV.fetch("EXAMPLE_STATE", "")
    return false if folder.empty?

    build = ENV.fetch("BUILDKITE_BUILD_ID", "no-build")
    File.open(File.join(folder, "#{build}-#{name}"), File::CREAT | File::EXCL | File::WRONLY).close
    true
  rescue Errno::EEXIST
    false
  end
end
