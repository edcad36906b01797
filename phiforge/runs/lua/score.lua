-- Add one chunk's scores, once.  KEYS: scores, evaluation pulse.  ARGV: chunk, payload, expiry in seconds.
-- Returns the number of chunks now there.
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
local now = redis.call('TIME')
redis.call('HSET', KEYS[2], 'moved_at', now[1] * 1000 + math.floor(now[2] / 1000), 'resends', 0)
return redis.call('HLEN', KEYS[1])
