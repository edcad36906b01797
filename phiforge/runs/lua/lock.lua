-- Take a lock that frees itself, even if the clock of Redis is put back meanwhile.
-- KEYS: lock.  ARGV: owner, longest time in ms.  Returns 1 if taken, 0 if somebody holds it.
local time = redis.call('TIME')
local now, longest = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
local frees_at = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^%d+'))
if frees_at and now < frees_at and frees_at <= now + longest then return 0 end
redis.call('SET', KEYS[1], string.format('%d %s', now + longest, ARGV[1]), 'PX', longest)
return 1
