-- Add one job's contribution to the open step, once, and only while that step is open.
-- What says where it came from lies beside it, not in it: equal contributions are equal bytes.
-- KEYS: state, contributions, origins.  ARGV: version, job, payload, origin.  Returns {outcome, contributions now there}.
local state = redis.call('HMGET', KEYS[1], 'status', 'head')
if state[1] ~= 'running' then return {'stopped', 0} end
if state[2] ~= ARGV[1] then return {'stale', 0} end
local new = redis.call('HSETNX', KEYS[2], ARGV[2], ARGV[3])
if new == 1 then
  redis.call('HSET', KEYS[3], ARGV[2], ARGV[4])
  local now = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'moved_at', now[1] * 1000 + math.floor(now[2] / 1000), 'resends', 0)
end
return {new == 1 and 'published' or 'duplicate', redis.call('HLEN', KEYS[2])}
