# The jobs of the Sidekiq applications; Redis is where REDIS_URL says, a namespace of keys in KEYWAY_TAG.
require 'sidekiq'

Redis.silence_deprecations = true

Sidekiq.options[:poll_interval_average] = 0.2  # how often jobs for later are looked for, seconds

if ENV['KEYWAY_TAG']
  options = { url: ENV['REDIS_URL'], namespace: ENV['KEYWAY_TAG'] }
  Sidekiq.configure_client { |config| config.redis = options }
  Sidekiq.configure_server { |config| config.redis = options }
end

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
