# Sidekiq workers on several queues, which on a cluster are on several shards, with the Redis at host and port: each thread of
# a worker waits for all queues with one BRPOP. Usage: ruby sidekiq_queues_app.rb HOST PORT[,PORT]: jobs are made at the first
# port, the workers are on the last one.
URLS = ARGV[1].split(',').map { |port| "redis://#{ARGV[0]}:#{port}/0" }
ENV['REDIS_URL'] = URLS.first
require_relative 'sidekiq_worker'
require 'sidekiq/api'
require 'timeout'

QUEUES = %w[critical default mailers reports low].freeze

def wait_for(what)
  Timeout.timeout(60, nil, "waited in vain for #{what}") { sleep 0.005 until yield }
end

def count
  Sidekiq.redis { |redis| redis.llen('doubled') }
end

Sidekiq.redis(&:flushall)
options = QUEUES.flat_map { |queue| ['-q', queue] } + ['-c', '3', '-r', File.join(__dir__, 'sidekiq_worker.rb')]
workers = 2.times.map { spawn({ 'REDIS_URL' => URLS.last }, 'sidekiq', *options, out: $stderr, err: $stderr) }
begin
  # One after the other, so that the workers wait each time; then many at once.
  50.times do |number|
    Doubler.set(queue: QUEUES[number % QUEUES.size]).perform_async(number)
    wait_for("job #{number}") { count == number + 1 }
  end
  (50...500).each { |number| Doubler.set(queue: QUEUES[number % QUEUES.size]).perform_async(number) }
  Doubler.set(queue: 'low').perform_in(0.2, 500)
  wait_for('the jobs') { count == 501 }
  doubled = Sidekiq.redis { |redis| redis.lrange('doubled', 0, -1) }.map(&:to_i).sort
  raise 'results' unless doubled == (0..500).map { |number| number * 2 }
  raise 'queues' unless QUEUES.all? { |queue| Sidekiq::Queue.new(queue).size.zero? }
ensure
  workers.each { |worker| Process.kill('TERM', worker) }
  workers.each { |worker| Process.wait(worker) }
end
puts 'ok'
