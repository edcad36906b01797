-- Add one chunk's scores, once.  Keys: scores, pulse.  Values: chunk, payload, expiry: in seconds.
-- Returns the number of chunks now there.
redis.call('HSETNX', key.scores, arg.chunk, arg.payload)
redis.call('EXPIRE', key.scores, arg.expiry)
redis.call('HSET', key.pulse, 'moved_at', now(), 'resends', 0)
redis.call('HDEL', key.pulse, 'still_since')
return redis.call('HLEN', key.scores)
