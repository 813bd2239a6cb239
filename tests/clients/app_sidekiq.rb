# Sidekiq on one server: `PORT`. The server part runs in a thread of this process.
require 'sidekiq'
require 'sidekiq/api'
require 'sidekiq/cli'
$stdout.sync = true
to = { url: "redis://127.0.0.1:#{ARGV[0]}/0" }
Sidekiq.logger.level = Logger::FATAL
Redis.silence_deprecations = true if Redis.respond_to?(:silence_deprecations=)
Sidekiq.configure_client { |c| c.redis = to }
Sidekiq.redis = to
DONE = Queue.new

class Job
  include Sidekiq::Worker
  def perform(n)
    DONE << n
  end
end

def check(name, got, want)
  abort "FAIL #{name}: got #{got.inspect}, want #{want.inspect}" unless got == want
end

20.times { |n| Job.perform_async(n) }
Sidekiq::Client.push_bulk('class' => Job, 'args' => (20...40).map { |n| [n] })
Job.perform_in(0.05, 40)
check 'queued', [Sidekiq::Queue.new.size, Sidekiq::ScheduledSet.new.size], [40, 1]
require 'sidekiq/launcher'
options = Sidekiq.options.merge(queues: ['default'], concurrency: 2, poll_interval_average: 0.1, timeout: 5)
options[:fetch] = Sidekiq::BasicFetch.new(options)
launcher = Sidekiq::Launcher.new(options)
launcher.run
got = Array.new(41) { DONE.pop }
check 'each once', got.sort, (0..40).to_a
launcher.stop
check 'left', [Sidekiq::Queue.new.size, DONE.size], [0, 0]
puts 'ok sidekiq'
exit! 0
