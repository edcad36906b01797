-- Add one job's contribution to the open step, once, and only while that step is open.
-- What says where it came from lies beside it, not in it: equal contributions are equal bytes. A job is in if that is.
-- KEYS: state, origins, contribution, and the contribution as it was just set for this call, which is gone after it.
-- ARGV: version, job, origin.  Returns {outcome, contributions now there}.
local state = redis.call('HMGET', KEYS[1], 'status', 'head')
local outcome = 'published'
if state[1] ~= 'running' then outcome = 'stopped'
elseif state[2] ~= ARGV[1] then outcome = 'stale'
elseif redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3]) == 0 then outcome = 'duplicate' end
if outcome == 'published' then
  redis.call('RENAME', KEYS[4], KEYS[3])
  local now = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'moved_at', now[1] * 1000 + math.floor(now[2] / 1000), 'resends', 0)
else
  redis.call('DEL', KEYS[4])
end
if outcome == 'stopped' or outcome == 'stale' then return {outcome, 0} end
return {outcome, redis.call('HLEN', KEYS[2])}
