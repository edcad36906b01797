-- Move the end of an attempt's lease, if the attempt is still known.
-- KEYS: attempts.  ARGV: work/token, lease in ms (0: it ended badly), work, why it did (may be empty).
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] == '0' and 0 or now + tonumber(ARGV[2]))
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'why:' .. ARGV[3], ARGV[4]) end
return 1
