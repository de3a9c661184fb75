# Sidekiq on the Redis at host and port: a client, a worker process, results, a failing job in the retry set.
ENV['REDIS_URL'] = "redis://#{ARGV[0]}:#{ARGV[1]}/0"
require_relative 'sidekiq_worker'
require 'sidekiq/api'
require 'timeout'

def wait_for(what)
  Timeout.timeout(60, nil, "waited in vain for #{what}") { sleep 0.05 until yield }
end

JOBS = 50
Sidekiq.redis(&:flushall)
(JOBS - 10).times { |i| Doubler.perform_async(i) }
Sidekiq::Client.push_bulk('class' => Doubler, 'args' => ((JOBS - 10)...JOBS).map { |i| [i] })
Fails.perform_async
raise 'queue size' unless Sidekiq::Queue.new.size == JOBS + 1

worker = spawn('sidekiq', '-c', '2', '-r', File.join(__dir__, 'sidekiq_worker.rb'), out: $stderr, err: $stderr)
begin
  wait_for('the jobs') { Sidekiq.redis { |redis| redis.llen('doubled') } == JOBS }
  wait_for('the failed job') { Sidekiq::RetrySet.new.size == 1 }
  doubled = Sidekiq.redis { |redis| redis.lrange('doubled', 0, -1) }.map(&:to_i).sort
  raise 'results' unless doubled == (0...JOBS).map { |i| i * 2 }
  wait_for('the process to show itself') { Sidekiq::ProcessSet.new.size == 1 }
  Doubler.perform_in(3600, 1)
  raise 'scheduled' unless Sidekiq::ScheduledSet.new.size == 1
ensure
  Process.kill('TERM', worker)
  Process.wait(worker)
end
wait_for('the statistics') { Sidekiq::Stats.new.processed >= JOBS }
puts 'ok'
