-- Let a ticket's contribution wait to be applied: only if the ticket is open, only if there is none, and only if it was
-- computed from a φ that is not too old (nor that of a head that was lost since).
-- KEYS: state, origins, tickets, hashes, contribution, and the contribution as it was just set for this call, which is
-- gone after it.
-- ARGV: ticket, version of φ, its hash, origin.  Returns {outcome, contributions now there}.
local outcome = 'published'
if redis.call('HGET', KEYS[1], 'status') ~= 'running' then outcome = 'stopped'
elseif redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 0 then outcome = 'duplicate'
elseif redis.call('HGET', KEYS[4], ARGV[2]) ~= ARGV[3] then outcome = 'old'
elseif redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[4]) == 0 then outcome = 'duplicate' end
if outcome == 'published' then
  redis.call('RENAME', KEYS[6], KEYS[5])
  local now = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'moved_at', now[1] * 1000 + math.floor(now[2] / 1000), 'resends', 0)
else
  redis.call('DEL', KEYS[6])
end
return {outcome, outcome == 'stopped' and 0 or redis.call('HLEN', KEYS[2])}
