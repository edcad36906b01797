-- Take a lock that frees itself, even if the clock of Redis is put back meanwhile.
-- Keys: lock.  Values: owner, longest: time in ms.  Returns 1 if taken, 0 if somebody holds it.
local time, longest = now(), tonumber(arg.longest)
local frees_at = tonumber(string.match(redis.call('GET', key.lock) or '', '^%d+'))
if frees_at and time < frees_at and frees_at <= time + longest then return 0 end
redis.call('SET', key.lock, string.format('%d %s', time + longest, arg.owner), 'PX', longest)
return 1
