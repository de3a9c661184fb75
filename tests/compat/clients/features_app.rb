# What redis-rb offers beyond plain commands, on one Redis that is reached at one port or at two (two proxies): pipelines,
# transactions with WATCH, subscriptions, blocking pops, scripts by their SHA, SCAN. What one connection writes, one on the
# other port sees. Usage: ruby features_app.rb HOST PORT[,PORT]
require 'redis'
require 'timeout'

HOST = ARGV[0]
PORTS = ARGV[1].split(',').map(&:to_i)
WAIT = 30

def connect(turn)
  Redis.new(host: HOST, port: PORTS[turn % PORTS.size], timeout: WAIT, reconnect_attempts: 0)
end

def expect(actual, wanted)
  raise "got #{actual.inspect}, wanted #{wanted.inspect}" unless actual == wanted
end

def expect_error(text)
  yield
rescue Redis::CommandError => error
  raise "got '#{error.message}', wanted '#{text}'" unless error.message.start_with?(text)
else
  raise "no error '#{text}'"
end

def wait_for(what)
  Timeout.timeout(WAIT, nil, "waited in vain for #{what}") { sleep 0.01 until yield }
end

here, there = connect(0), connect(1)
here.flushall
keys = (0...200).map { |number| "rb:#{number}" }

replies = here.pipelined do |pipeline|
  keys.each_with_index { |key, number| pipeline.set(key, number) }
  pipeline.mget(*keys[0, 10])
end
expect(replies, ['OK'] * 200 + [(0...10).map(&:to_s)])
expect_error('WRONGTYPE') { here.pipelined { |pipeline| pipeline.lpush('rb:list', 1); pipeline.incr('rb:list') } }
expect(there.mapped_mget(*keys), keys.each_with_index.to_h { |key, number| [key, number.to_s] })

expect(here.multi { |t| t.set('{rb}a', 1); t.incr('{rb}a'); t.rpush('{rb}l', %w[x y]); t.lrange('{rb}l', 0, -1) }, ['OK', 2, 2, %w[x y]])
changed = here.watch('{rb}a', '{rb}b') do
  there.set('{rb}b', 1)
  here.multi { |t| t.incr('{rb}a') }
end
expect(changed, nil)
expect(here.watch('{rb}a') { |client| client.multi { |t| t.incr('{rb}a') } }, [3])
here.watch('{rb}a')
there.incr('{rb}a')
expect(here.unwatch, 'OK')
expect(here.multi { |t| t.incr('{rb}a') }, [5])
expect_error('ERR unknown command') { here.multi { |t| t.incr('{rb}a'); t.call(%w[NOSUCHCOMMAND]) } }
expect(there.get('{rb}a'), '5')

messages = []
subscriber = Thread.new do
  connect(1).subscribe('rb:news', 'rb:more', 'rb:end') do |on|
    on.message do |channel, message|
      messages << [channel, message]
      raise StopIteration if channel == 'rb:end'
    end
  end
rescue StopIteration
  nil
end
patterns = []
pattern_subscriber = Thread.new do
  client = connect(1)
  client.psubscribe('rb:n*') do |on|
    on.pmessage do |pattern, channel, message|
      patterns << [pattern, channel, message]
      client.punsubscribe if patterns.size == 50
    end
  end
  expect(client.get('rb:3'), '3') # an ordinary connection again
end
channels = %w[rb:news rb:more rb:end]
wait_for('the subscribers') { here.pubsub(:numsub, *channels).each_slice(2).all? { |_, count| count.to_i >= 1 } && here.pubsub(:numpat).to_i >= 1 }
50.times { |number| here.publish('rb:news', number); here.publish('rb:more', number) }
here.publish('rb:end', 'x')
raise 'the subscriber waits still' unless subscriber.join(WAIT) && pattern_subscriber.join(WAIT)
expect(messages.sort, ((0...50).flat_map { |n| [['rb:news', n.to_s], ['rb:more', n.to_s]] } << ['rb:end', 'x']).sort)
expect(patterns, (0...50).map { |n| ['rb:n*', 'rb:news', n.to_s] })

queues = (0...10).map { |number| "rb:queue:#{number}" }
taken = Queue.new
consumers = (0...3).map do
  Thread.new do
    client = connect(1)
    loop do
      queue, element = client.brpop(*queues, timeout: WAIT)
      break if element == 'end'

      taken << [queue, element]
    end
  end
end
sent = (0...300).map { |number| [queues[number % 10], number.to_s] }
sent.each { |queue, element| here.lpush(queue, element) }
wait_for('the elements') { taken.size == 300 }
consumers.each { here.lpush(queues[4], 'end') }
raise 'a consumer waits still' unless consumers.all? { |consumer| consumer.join(WAIT) }
expect((0...300).map { taken.pop }.sort, sent.sort)
there.rpush(queues[7], 'seven')
there.rpush(queues[2], 'two')
expect(here.blpop(queues[5], *queues.reverse, timeout: WAIT), [queues[7], 'seven'])
expect(here.blpop(*queues, timeout: WAIT), [queues[2], 'two'])
expect(here.blpop(*queues, timeout: 1), nil)
pusher = Thread.new { sleep 0.05; connect(1).rpush('{rb}from', 'moved') }
expect(here.brpoplpush('{rb}from', '{rb}to', timeout: WAIT), 'moved')
pusher.join

here.script(:flush)
sha = here.script(:load, 'return redis.call("INCRBY", KEYS[1], ARGV[1])')
expect(keys.map { |key| there.evalsha(sha, [key], [5]) }, (0...200).map { |number| number + 5 })
expect(there.script(:exists, [sha, '0' * 40]), [true, false])
expect_error('NOSCRIPT No matching script. Please use EVAL.') { there.evalsha('0' * 40, ['k']) }

expect(there.scan_each(match: 'rb:*[0-9]', count: 7, type: 'string').to_a.uniq.sort, keys.sort)
here.flushall
puts 'ok'
