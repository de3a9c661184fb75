# Sidekiq on the Redis at host and port: a client, a worker process, results, jobs for later and jobs to be tried again,
# which a script takes out of their sorted sets.
# Usage: ruby sidekiq_app.rb HOST PORT[,PORT] [TAG]: jobs are made at the first port, the worker is on the last one. With a tag,
# as {sidekiq}, all keys have that namespace: a worker tells of itself in one transaction on several keys.
URLS = ARGV[1].split(',').map { |port| "redis://#{ARGV[0]}:#{port}/0" }
ENV['REDIS_URL'] = URLS.first
ENV['KEYWAY_TAG'] = ARGV[2]
require_relative 'sidekiq_worker'
require 'sidekiq/api'
require 'timeout'

def wait_for(what)
  Timeout.timeout(60, nil, "waited in vain for #{what}") { sleep 0.05 until yield }
end

def last_doubled
  Sidekiq.redis { |redis| redis.lindex('doubled', -1) }.to_i
end

JOBS = 50
Sidekiq.redis(&:flushall)
(JOBS - 10).times { |i| Doubler.perform_async(i) }
Sidekiq::Client.push_bulk('class' => Doubler, 'args' => ((JOBS - 10)...JOBS).map { |i| [i] })
Fails.perform_async
raise 'queue size' unless Sidekiq::Queue.new.size == JOBS + 1

worker = spawn({ 'REDIS_URL' => URLS.last }, 'sidekiq', '-c', '2', '-r', File.join(__dir__, 'sidekiq_worker.rb'), out: $stderr, err: $stderr)
begin
  wait_for('the jobs') { Sidekiq.redis { |redis| redis.llen('doubled') } == JOBS }
  wait_for('the failed job') { Sidekiq::RetrySet.new.size == 1 }
  doubled = Sidekiq.redis { |redis| redis.lrange('doubled', 0, -1) }.map(&:to_i).sort
  raise 'results' unless doubled == (0...JOBS).map { |i| i * 2 }
  wait_for('the process to show itself') { Sidekiq::ProcessSet.new.size == 1 }
  Doubler.perform_in(3600, 1)
  raise 'scheduled' unless Sidekiq::ScheduledSet.new.size == 1

  Doubler.perform_in(0.2, 1000)
  wait_for('the job for later') { last_doubled == 2000 }
  Sidekiq.redis { |redis| redis.script(:flush) }  # the scheduler loads its script again
  Sidekiq::Client.push_bulk('class' => Doubler, 'args' => [[2000]] * 20, 'at' => [Time.now.to_f + 0.2] * 20)
  wait_for('the jobs for later') { Sidekiq.redis { |redis| redis.llen('doubled') } == JOBS + 21 }
  raise 'scheduled still' unless Sidekiq::ScheduledSet.new.map(&:args) == [[1]]

  Sidekiq::RetrySet.new.first.reschedule(Time.now)
  wait_for('the second failure') { Sidekiq::RetrySet.new.first&.item&.fetch('retry_count') == 1 }
  again = Sidekiq::RetrySet.new.first
  again.retry
  wait_for('the third failure') { ![nil, again['retried_at']].include?(Sidekiq::RetrySet.new.first&.item&.fetch('retried_at')) }
  Sidekiq::RetrySet.new.first.kill
  raise 'dead' unless Sidekiq::DeadSet.new.size == 1 && Sidekiq::RetrySet.new.size.zero?
ensure
  Process.kill('TERM', worker)
  Process.wait(worker)
end
wait_for('the statistics') { Sidekiq::Stats.new.processed >= JOBS + 21 }

# The scheduler by itself, in this process.
Sidekiq::ScheduledSet.new.clear
100.times { |i| Doubler.perform_in(3600 + i, i) }
Sidekiq::ScheduledSet.new.to_a.each { |job| job.reschedule(Time.now - 1) }
require 'sidekiq/scheduled'
Sidekiq::Scheduled::Enq.new.enqueue_jobs
raise 'enqueued' unless Sidekiq::Queue.new.size == 100 && Sidekiq::ScheduledSet.new.size.zero?
puts 'ok'
