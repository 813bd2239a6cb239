# Sidekiq: `PORT`, or `failover PORTS NAME` (see README.md here). The server part runs in threads of this process.
require 'sidekiq'
require 'sidekiq/api'
require 'sidekiq/cli'
$stdout.sync = true
FAILOVER = ARGV[0] == 'failover'
to = if FAILOVER
       { url: "redis://#{ARGV[2]}/0", role: :master, reconnect_attempts: 50, reconnect_delay: 0.1, reconnect_delay_max: 0.2,
         sentinels: ARGV[1].split(',').map { |p| { host: '127.0.0.1', port: p.to_i } } }
     else
       { url: "redis://127.0.0.1:#{ARGV[0]}/0" }
     end
Sidekiq.logger.level = Logger::FATAL
Redis.silence_deprecations = true if Redis.respond_to?(:silence_deprecations=)
Sidekiq.configure_client { |c| c.redis = to }
Sidekiq.redis = to
DONE = Queue.new

class Job
  include Sidekiq::Worker
  def perform(n)
    FAILOVER ? $stdout.write("done #{n}\n") : DONE << n
  end
end

def check(name, got, want)
  abort "FAIL #{name}: got #{got.inspect}, want #{want.inspect}" unless got == want
end

def started
  require 'sidekiq/launcher'
  options = Sidekiq.options.merge(queues: ['default'], concurrency: 2, timeout: 5)
  options[:fetch] = Sidekiq::BasicFetch.new(options)
  launcher = Sidekiq::Launcher.new(options)
  launcher.run
  launcher
end

def failover
  launcher = started
  (1..).each do |n|
    begin
      Job.perform_async(n)
      $stdout.write("wrote #{n}\n")
      break if Sidekiq.redis { |r| r.get('stop') }
    rescue StandardError => e
      $stdout.write("note #{e.class}\n")
    end
    sleep 0.01
  end
  sleep 0.02 until Sidekiq::Queue.new.size.zero?
  launcher.stop
  exit! 0
end

failover if FAILOVER
20.times { |n| Job.perform_async(n) }
Sidekiq::Client.push_bulk('class' => Job, 'args' => (20...40).map { |n| [n] })
Job.perform_in(0.05, 40)
check 'queued', [Sidekiq::Queue.new.size, Sidekiq::ScheduledSet.new.size], [40, 1]
launcher = started
sleep 0.05
Sidekiq::Scheduled::Enq.new.enqueue_jobs # the server itself looks only after some seconds
got = Array.new(41) { DONE.pop }
check 'each once', got.sort, (0..40).to_a
launcher.stop
check 'left', [Sidekiq::Queue.new.size, DONE.size], [0, 0]
puts 'ok sidekiq'
exit! 0
