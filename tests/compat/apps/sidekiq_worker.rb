# The jobs of sidekiq_app.rb; Redis is where REDIS_URL says.
require 'sidekiq'

Redis.silence_deprecations = true

Sidekiq.options[:poll_interval_average] = 0.2  # how often jobs for later are looked for, seconds

class Doubler
  include Sidekiq::Worker

  def perform(number)
    Sidekiq.redis { |redis| redis.rpush('doubled', (number * 2).to_s) }
  end
end

class Fails
  include Sidekiq::Worker
  sidekiq_options retry: 3

  def perform
    raise 'on purpose'
  end
end
